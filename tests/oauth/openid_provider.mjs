// A certified provider of OpenID Connect, with pages of its own, for people to sign in by. Anybody may, under any name: their
// address is NAME@example.org, which is verified unless the name begins with `unproven`; `manager…` is of a group.
//
// usage: node openid_provider.mjs PORT CALLBACK, with the client's secret in CLIENT_SECRET
import Provider from 'oidc-provider';

const [port, callback] = process.argv.slice(2);

const provider = new Provider(`http://localhost:${port}`, {
  clients: [{
    client_id: 'shop',
    client_secret: process.env.CLIENT_SECRET,
    redirect_uris: [callback],
    token_endpoint_auth_method: 'client_secret_basic',
  }],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'] },
  scopes: ['openid', 'email', 'groups'],
  cookies: { keys: ['of-a-test'] },
  pkce: { required: () => true },
  findAccount: (_, name) => ({
    accountId: name,
    claims: () => ({
      sub: name,
      email: `${name}@example.org`,
      email_verified: !name.startsWith('unproven'),
      groups: name.startsWith('manager') ? ['shop-managers', 'others'] : ['others'],
    }),
  }),
  // Nobody is asked whether they allow it.
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope('openid email groups');
    await grant.save();
    return grant;
  },
});

provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));
