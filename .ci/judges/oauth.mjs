// An independent OAuth client (oauth4webapi) and token verifier (jose) against the running exchange.
//
//   node oauth.mjs key FOLDER                          makes a P-256 pair: private.jwk.json, public.jwk.json, public.pem
//   node oauth.mjs judge ISSUER CLIENT_ID FOLDER SCOPE exit 0 only when every assertion below holds
//
// The issuer may be plain http because it is on loopback.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as jose from 'jose';
import * as oauth from 'oauth4webapi';

async function makeKey(folder) {
  mkdirSync(folder, { recursive: true });
  const { publicKey, privateKey } = await jose.generateKeyPair('ES256', { extractable: true });
  const open = await jose.exportJWK(publicKey);
  // RFC 7638: the name that the exchange gives a key that comes without one.
  open.kid = await jose.calculateJwkThumbprint(open);
  const secret = { ...(await jose.exportJWK(privateKey)), kid: open.kid };
  writeFileSync(join(folder, 'private.jwk.json'), JSON.stringify(secret), { mode: 0o600 });
  writeFileSync(join(folder, 'public.jwk.json'), JSON.stringify(open));
  writeFileSync(join(folder, 'public.pem'), await jose.exportSPKI(publicKey));
}

async function judge(issuer, clientId, folder, scope) {
  const insecure = { [oauth.allowInsecureRequests]: true };
  const jwk = JSON.parse(readFileSync(join(folder, 'private.jwk.json'), 'utf8'));
  const key = await jose.importJWK(jwk, 'ES256');
  const client = { client_id: clientId };

  const discovered = await oauth.discoveryRequest(new URL(issuer), { algorithm: 'oauth2', ...insecure });
  const server = await oauth.processDiscoveryResponse(new URL(issuer), discovered);
  console.log('ok discovery (RFC 8414)');

  const resource = new URL(issuer);
  const described = await oauth.processResourceDiscoveryResponse(
    resource,
    await oauth.resourceDiscoveryRequest(resource, insecure),
  );
  assert.ok(described.authorization_servers?.includes(server.issuer), 'the resource names its authorization server');
  console.log('ok protected resource metadata (RFC 9728)');

  const granted = await oauth.processClientCredentialsResponse(
    server,
    client,
    await oauth.clientCredentialsGrantRequest(
      server,
      client,
      oauth.PrivateKeyJwt({ key, kid: jwk.kid }),
      new URLSearchParams({ scope }),
      insecure,
    ),
  );
  const { payload } = await jose.jwtVerify(granted.access_token, jose.createRemoteJWKSet(new URL(server.jwks_uri)), {
    issuer: server.issuer,
    audience: described.resource,
    typ: 'at+jwt',
    algorithms: ['ES256', 'EdDSA'],
    requiredClaims: ['iat', 'exp', 'jti', 'sub', 'client_id', 'scope'],
  });
  assert.equal(payload.client_id, clientId);
  assert.ok(payload.exp - payload.iat <= 600, 'an access token lives ten minutes at most');
  console.log('ok access token (RFC 9068), verified with the published keys');

  const sign = (audience, header = { alg: 'ES256', kid: jwk.kid }) =>
    new jose.SignJWT({ iss: clientId, sub: clientId, jti: crypto.randomUUID() })
      .setProtectedHeader(header)
      .setAudience(audience)
      .setIssuedAt()
      .setExpirationTime('1m')
      .sign(key);
  const unsigned = () =>
    new jose.UnsecuredJWT({ iss: clientId, sub: clientId, jti: crypto.randomUUID() })
      .setAudience(server.issuer)
      .setIssuedAt()
      .setExpirationTime('1m')
      .encode();
  const ask = async (assertion) => {
    const answer = await fetch(server.token_endpoint, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: assertion,
      }),
    });
    await answer.arrayBuffer();
    return answer.status;
  };
  const once = await sign(server.issuer);
  const attempts = [
    ['a fresh assertion for the issuer', once, 200],
    ['the same assertion again', once, 401],
    ['an assertion for the token endpoint', await sign(server.token_endpoint), 401],
    ['an assertion for a list of audiences', await sign([server.issuer, 'https://elsewhere.invalid']), 401],
    ['an unsigned assertion (alg none)', unsigned(), 401],
  ];
  let wrong = 0;
  for (const [what, assertion, expected] of attempts) {
    const status = await ask(assertion);
    if (status !== expected) wrong += 1;
    console.log(`${status === expected ? 'ok' : 'FAILED'} ${what}: ${status}, expected ${expected}`);
  }
  assert.equal(wrong, 0, `${wrong} attempts were answered wrongly`);
}

const [mode, ...rest] = process.argv.slice(2);
if (mode === 'key' && rest.length === 1) await makeKey(...rest);
else if (mode === 'judge' && rest.length === 4) await judge(...rest);
else {
  console.error('usage: oauth.mjs key FOLDER | judge ISSUER CLIENT_ID FOLDER SCOPE');
  process.exitCode = 2;
}
