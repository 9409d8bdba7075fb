"""Apache with mod_auth_openidc, as Debian has it, signs people in through the mesh."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import mesh as meshes
from tests.edge.edge_mesh import EdgeMesh
from tests.local.waiting import until
from tests.oauth.program import add, cookies

MODULES = Path("/usr/lib/apache2/modules")
APACHE = Path("/usr/sbin/apache2")
NEEDED = ["mpm_event", "authn_core", "authz_core", "authz_user", "unixd", "dir", "headers", "auth_openidc"]
# What a user of it writes, by its documentation; the last lines show what a page behind it is told.
CONFIGURATION = """
ServerRoot {folder}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
LogLevel warn
{user}
{modules}
OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCClientID {client_id}
OIDCClientSecret {client_secret}
OIDCRedirectURI http://localhost:{port}/callback
OIDCCryptoPassphrase {client_secret}
OIDCScope "openid email"
OIDCPKCEMethod S256
OIDCRemoteUserClaim email
DocumentRoot {folder}/pages
<Location "/">
  AuthType openid-connect
  Require valid-user
  Header set x-remote-user "expr=%{{REMOTE_USER}}"
  Header set x-sub "%{{OIDC_CLAIM_sub}}e"
</Location>
"""

pytestmark = pytest.mark.skipif(
    not (APACHE.exists() and (MODULES / "mod_auth_openidc.so").exists()),
    reason="no Apache with mod_auth_openidc: run tests/install-apache",
)


@contextmanager
def apache(folder: Path, port: int, mesh: EdgeMesh, program: dict[str, Any]) -> Iterator[str]:
    """Run it until the block ends; gives its origin."""
    (folder / "pages").mkdir()
    (folder / "pages" / "index.html").write_text("a page of its own")
    (folder / "pages").chmod(0o755)  # whatever else in this process has set as its umask
    (folder / "pages" / "index.html").chmod(0o644)
    root = os.geteuid() == 0  # it does not serve as root
    modules = "\n".join(
        f"LoadModule {name}_module {MODULES}/mod_{name}.so"
        for name in NEEDED
        if (MODULES / f"mod_{name}.so").exists()
    )
    text = CONFIGURATION.format(
        folder=folder,
        port=port,
        issuer=mesh.edge,
        modules=modules,
        user="User nobody\nGroup nogroup" if root else "",
        **{name: program[name] for name in ("client_id", "client_secret")},
    )
    file = folder / "apache.conf"
    file.write_text(text)
    for path in (folder, *folder.parents) if root else ():
        if path.is_relative_to("/tmp") and path != Path("/tmp"):  # where tests lie; it has to find its pages
            path.chmod(path.stat().st_mode | 0o011)
    process = subprocess.Popen([str(APACHE), "-f", str(file), "-DFOREGROUND"])

    def serves() -> bool:
        assert process.poll() is None, "it has ended"
        try:
            return bool(httpx.get(f"http://127.0.0.1:{port}/").status_code)
        except httpx.TransportError:
            return False

    try:
        until(serves, "Apache serves")
        yield f"http://localhost:{port}"
    except AssertionError:
        print((folder / "error.log").read_text())  # noqa: T201 - shown where the test fails
        raise
    finally:
        process.terminate()
        process.wait(10)


def test_apache_signs_somebody_in(mesh: EdgeMesh, tmp_path: Path) -> None:
    [port] = meshes.free_ports(1)
    program = add(mesh, "apache", "--first-party", "--redirect-uri", f"http://localhost:{port}/callback")
    with apache(tmp_path, port, mesh, program) as origin, httpx.Client() as browser:
        asked = browser.get(f"{origin}/")
        assert asked.status_code == 302
        assert asked.headers["location"].startswith(f"{mesh.edge}/oauth2/authorize?")
        # The browser has the mesh's cookies for the one place, and Apache's for the other.
        allowed = httpx.get(asked.headers["location"], headers={"cookie": cookies(mesh)})
        assert allowed.status_code == 303, allowed.text
        back = browser.get(allowed.headers["location"])
        assert back.headers["location"] == f"{origin}/"
        page = browser.get(back.headers["location"])
        assert (page.status_code, page.text) == (200, "a page of its own")
        assert page.headers["x-remote-user"] == "grace@example.com"
        me = httpx.get(f"{mesh.edge}/me", headers={"cookie": cookies(mesh)}).json()
        assert page.headers["x-sub"] == me["sub"]
        # A code is good once, and somebody else's browser cannot finish it.
        assert httpx.get(allowed.headers["location"]).status_code != 200
