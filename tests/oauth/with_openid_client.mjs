// Signs in with openid-client: ISSUER CLIENT_ID SECRET REDIRECT_URI COOKIE. Prints what it got, as JSON.
import * as client from "openid-client";

const [issuer, id, secret, redirect_uri, cookie] = process.argv.slice(2);
const config = await client.discovery(new URL(issuer), id, undefined, client.ClientSecretBasic(secret), {
  execute: [client.allowInsecureRequests],
});
const verifier = client.randomPKCECodeVerifier();
const state = client.randomState();
const nonce = client.randomNonce();
const there = client.buildAuthorizationUrl(config, {
  redirect_uri,
  scope: "openid email offline_access",
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
  state,
  nonce,
  max_age: "3600",
});
const answer = await fetch(there, { headers: { cookie }, redirect: "manual" });
const back = new URL(answer.headers.get("location"));
// Checks state, iss (RFC 9207), the ID token's signature, audience, nonce, at_hash and auth_time.
const first = await client.authorizationCodeGrant(config, back, {
  pkceCodeVerifier: verifier,
  expectedState: state,
  expectedNonce: nonce,
  idTokenExpected: true,
  maxAge: 3600,
});
const user = await client.fetchUserInfo(config, first.access_token, first.claims().sub);
const second = await client.refreshTokenGrant(config, first.refresh_token);
const active = await client.tokenIntrospection(config, second.access_token);
const machine = await client.clientCredentialsGrant(config);
const narrower = await client.genericGrantRequest(config, "urn:ietf:params:oauth:grant-type:token-exchange", {
  subject_token: second.access_token,
  subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
  audience: "https://partner.example",
});
const device = await client.initiateDeviceAuthorization(config, { scope: "openid" });
const leave = client.buildEndSessionUrl(config, { id_token_hint: second.id_token }).href;
console.log(JSON.stringify({ first, second, user, active, machine, narrower, device, leave }));
