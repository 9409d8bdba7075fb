// Signs in with oauth4webapi, as a public client: ISSUER CLIENT_ID REDIRECT_URI AUDIENCE COOKIE. Prints JSON.
import * as oauth from "oauth4webapi";

const [issuer, client_id, redirect_uri, audience, cookie] = process.argv.slice(2);
const insecure = { [oauth.allowInsecureRequests]: true };
const client = { client_id };
const nobody = oauth.None();
const found = {};
for (const algorithm of ["oidc", "oauth2"]) {
  const answer = await oauth.discoveryRequest(new URL(issuer), { algorithm, ...insecure });
  found[algorithm] = await oauth.processDiscoveryResponse(new URL(issuer), answer);
}
const as = found.oauth2;
const verifier = oauth.generateRandomCodeVerifier();
const state = oauth.generateRandomState();
const nonce = oauth.generateRandomNonce();
const there = new URL(as.authorization_endpoint);
for (const [name, value] of Object.entries({
  client_id,
  redirect_uri,
  response_type: "code",
  scope: "openid email",
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
  state,
  nonce,
})) {
  there.searchParams.set(name, value);
}
const sent = await fetch(there, { headers: { cookie }, redirect: "manual" });
const parameters = oauth.validateAuthResponse(as, client, new URL(sent.headers.get("location")), state);
const redeem = () =>
  oauth.authorizationCodeGrantRequest(as, client, nobody, parameters, redirect_uri, verifier, insecure);
const answer = await redeem();
const tokens = await oauth.processAuthorizationCodeResponse(as, client, answer, {
  expectedNonce: nonce,
  requireIdToken: true,
});
await oauth.validateApplicationLevelSignature(as, answer, insecure);
// RFC 9068, as a resource server that knows nothing of Pillion checks it.
const request = new Request("http://service.example/", {
  headers: { authorization: `Bearer ${tokens.access_token}` },
});
const claims = await oauth.validateJwtAccessToken(as, request, audience, insecure);
const asked = await oauth.userInfoRequest(as, client, tokens.access_token, insecure);
const user = await oauth.processUserInfoResponse(as, client, claims.sub, asked);
const again = await redeem();
let error;
try {
  await oauth.processAuthorizationCodeResponse(as, client, again);
} catch (refused) {
  error = refused.error;
}
console.log(JSON.stringify({ tokens, claims, user, error, same: JSON.stringify(found.oidc) === JSON.stringify(as) }));
