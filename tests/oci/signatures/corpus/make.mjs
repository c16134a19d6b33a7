// Makes keyless.json: signatures by makers that are not ours. It is kept in the repository, so tests need no Node.
//
//   npm install @sigstore/mock @sigstore/sign @sigstore/bundle @sigstore/protobuf-specs nock && node make.mjs > keyless.json
//
// Two worlds of sigstore (authority, certificate log, transparency log, time stamps): the one that the tests trust, and
// another. Time is that of the run; certificates live for ten minutes, so all of them have expired when tests run.
import { createHash, generateKeyPairSync } from 'node:crypto';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const nock = require('nock');
const mock = require('@sigstore/mock');
const { DSSEBundleBuilder, FulcioSigner, MessageSignatureBundleBuilder, RekorWitness, TSAWitness } = require('@sigstore/sign');
const { bundleToJSON } = require('@sigstore/bundle');
const { HashAlgorithm, PublicKeyDetails, TransparencyLogEntry, TrustedRoot } = require('@sigstore/protobuf-specs');

const ISSUER = 'https://token.actions.example.com';
const IDENTITY = 'https://github.example.com/acme/app/.github/workflows/release.yml@refs/heads/main';
const STATEMENT = 'application/vnd.in-toto+json';
const PREDICATE = 'https://sigstore.dev/cosign/sign/v1';

nock.disableNetConnect();

const pair = () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const sha256 = (data) => createHash('sha256').update(data);
const empty = Buffer.from('{}');
const layer = Buffer.from('a layer');
const descriptor = (mediaType, data) => ({ mediaType, digest: `sha256:${sha256(data).digest('hex')}`, size: data.length });
const manifestOf = (name) => Buffer.from(JSON.stringify({
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  config: descriptor('application/vnd.oci.image.config.v1+json', empty),
  layers: [descriptor('application/vnd.oci.image.layer.v1.tar', layer)],
  annotations: { 'org.opencontainers.image.title': name },
}));

// A PEM in base64 as Rekor's own writer makes it: lines of 64 characters, one newline at the end.
function asGoWrites(encoded) {
  const lines = Buffer.from(encoded, 'base64').toString().trim().split('\n');
  const body = lines.slice(1, -1).join('').match(/.{1,64}/g).join('\n');
  return Buffer.from(`${lines[0]}\n${body}\n${lines.at(-1)}\n`).toString('base64');
}

// The mocked logs keep a request as it comes. The real ones keep hashes of an envelope, and in version 2 an entry of its
// own shape; both verifiers hold the signature against that.
function canonical(entry) {
  if (entry.kind === 'hashedrekord') {
    const { signature, data } = entry.spec;
    const publicKey = { content: asGoWrites(signature.publicKey.content) };
    return { ...entry, spec: { data, signature: { content: signature.content, publicKey } } };
  }
  const { envelope, verifiers } = entry.spec.proposedContent;
  const { payload, signatures } = JSON.parse(envelope);
  const hash = (data) => ({ algorithm: 'sha256', value: sha256(data).digest('hex') });
  return {
    apiVersion: '0.0.1',
    kind: 'dsse',
    spec: {
      envelopeHash: hash(envelope),
      payloadHash: hash(Buffer.from(payload, 'base64')),
      signatures: signatures.map(({ sig }) => ({ signature: sig, verifier: asGoWrites(verifiers[0]) })),
    },
  };
}

// The mock takes the hexadecimal digits of the root for base64.
const rootOf = (entry) => Buffer.from(entry.inclusionProof.checkpoint.envelope.split('\n')[2], 'base64');

function rekorV2(tlog) {
  return {
    path: '/api/v2/log/entries',
    fn: async (body) => {
      const { digest, signature } = JSON.parse(body).hashedRekordRequestV002;
      const spec = { hashedRekordV002: { data: { algorithm: 'SHA2_256', digest }, signature } };
      const entry = await tlog.logV2({ apiVersion: '0.0.2', kind: 'hashedrekord', spec });
      // Version 2 says no time, and its proof is about the entry's place in the tree, which is the first here.
      const said = {
        ...entry,
        kindVersion: { kind: 'hashedrekord', version: '0.0.2' },
        logIndex: '0',
        integratedTime: '0',
        inclusionProof: { ...entry.inclusionProof, logIndex: '0', rootHash: rootOf(entry) },
      };
      return { statusCode: 201, response: JSON.stringify(TransparencyLogEntry.toJSON(said)), contentType: 'application/json' };
    },
  };
}

async function world(name) {
  const url = `https://${name}.example.com`;
  const keys = { ca: pair(), ct: pair(), log: pair(), tsa: pair() };
  const ctlog = await mock.initializeCTLog(keys.ct);
  const ca = await mock.initializeCA(keys.ca, ctlog);
  const tlog = await mock.initializeTLog(url, keys.log);
  const tsa = await mock.initializeTSA(keys.tsa);
  const answer = (handler) => nock(url).persist().post(handler.path).reply(async (_uri, body) => {
    const { statusCode, response, contentType } = await handler.fn(typeof body === 'string' ? body : JSON.stringify(body));
    return [statusCode, response, { 'Content-Type': contentType || 'text/plain' }];
  });
  const rekor = mock.rekorHandler({ publicKey: tlog.publicKey, log: (entry) => tlog.log(canonical(entry)) });
  for (const handler of [mock.fulcioHandler(ca), rekor, rekorV2(tlog), mock.tsaHandler(tsa)]) {
    answer(handler);
  }
  const from = new Date(Date.now() - 86_400_000);
  const logOf = (publicKey) => ({
    baseUrl: url,
    logId: { keyId: sha256(publicKey).digest() },
    hashAlgorithm: HashAlgorithm.SHA2_256,
    publicKey: { rawBytes: publicKey, keyDetails: PublicKeyDetails.PKIX_ECDSA_P256_SHA_256, validFor: { start: from } },
    checkpointKeyId: undefined,
    operator: '',
  });
  const authority = (certificates) => ({
    subject: { commonName: 'sigstore', organization: 'sigstore.mock' },
    uri: url,
    certChain: { certificates: certificates.map((each) => ({ rawBytes: Buffer.from(each) })) },
    validFor: { start: from },
    operator: '',
  });
  const root = TrustedRoot.toJSON({
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    tlogs: [logOf(tlog.publicKey)],
    ctlogs: [logOf(ctlog.publicKey)],
    certificateAuthorities: [authority([ca.rootCertificate])],
    timestampAuthorities: [authority([tsa.intCertificate, tsa.rootCertificate])],
  });
  return { url, root, tsa };
}

function token(claims) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part({ iss: ISSUER, sub: IDENTITY, ...claims })}.AAAA`;
}

function maker(Builder, { url }, { claims = {}, version = 1, stamped = false } = {}) {
  const signer = new FulcioSigner({ fulcioBaseURL: url, identityProvider: { getToken: async () => token(claims) } });
  const witnesses = [new RekorWitness({ rekorBaseURL: url, entryType: 'dsse', majorApiVersion: version })];
  if (stamped) witnesses.push(new TSAWitness({ tsaBaseURL: url }));
  return new Builder({ signer, witnesses, certificateChain: false, bundleFormat: 'v0.3' });
}

function statement(digest, { predicateType = PREDICATE, type = 'https://in-toto.io/Statement/v1', subject } = {}) {
  const subjects = subject ?? [{ name: '', digest: { sha256: digest } }];
  return Buffer.from(JSON.stringify({ _type: type, subject: subjects, predicateType, predicate: {} }));
}

async function dsse(place, data, options = {}) {
  const made = await maker(DSSEBundleBuilder, place, options).create({ data, type: options.payloadType ?? STATEMENT });
  return bundleToJSON(made);
}

async function message(place, data, options = {}) {
  const made = bundleToJSON(await maker(MessageSignatureBundleBuilder, place, options).create({ data }));
  // This builder writes version 0.2, which differs by its certificate's place.
  const { x509CertificateChain, ...material } = made.verificationMaterial;
  const verificationMaterial = { ...material, certificate: x509CertificateChain.certificates[0] };
  return { ...made, mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json', verificationMaterial };
}

// What cosign keeps of the same things in the annotations of a layer.
async function annotations(place, payload, options = {}) {
  const made = await message(place, payload, options);
  const material = made.verificationMaterial;
  const der = material.certificate.rawBytes;
  const entry = material.tlogEntries[0];
  return {
    payload: payload.toString('base64'),
    signature: made.messageSignature.signature,
    certificate: `-----BEGIN CERTIFICATE-----\n${der.match(/.{1,64}/g).join('\n')}\n-----END CERTIFICATE-----\n`,
    bundle: JSON.stringify({
      SignedEntryTimestamp: entry.inclusionPromise.signedEntryTimestamp,
      Payload: {
        body: entry.canonicalizedBody,
        integratedTime: Number(entry.integratedTime),
        logIndex: Number(entry.logIndex),
        logID: Buffer.from(entry.logId.keyId, 'base64').toString('hex'),
      },
    }),
  };
}

const simple = (digest) => Buffer.from(JSON.stringify({
  critical: {
    identity: { 'docker-reference': 'registry.example.com/app' },
    image: { 'docker-manifest-digest': `sha256:${digest}` },
    type: 'cosign container image signature',
  },
  optional: null,
}));

const manifest = manifestOf('app');
const other = manifestOf('another');
const digest = sha256(manifest).digest('hex');
const otherDigest = sha256(other).digest('hex');
const here = await world('here');
const elsewhere = await world('elsewhere');

const out = {
  issuer: ISSUER,
  identity: IDENTITY,
  manifest: manifest.toString('base64'),
  other: other.toString('base64'),
  root: here.root,
  foreignRoot: elsewhere.root,
  good: {
    dsse: await dsse(here, statement(digest)),
    message: await message(here, manifest),
    'dsse: time stamped too': await dsse(here, statement(digest), { stamped: true }),
    'message: Rekor 2, time stamped': await message(here, manifest, { version: 2, stamped: true }),
  },
  goodAnnotations: await annotations(here, simple(digest)),
  bad: {
    'dsse: another image': await dsse(here, statement(otherDigest)),
    'dsse: no subject': await dsse(here, statement(digest, { subject: [] })),
    'dsse: the subject by another hash': await dsse(here, statement(digest, { subject: [{ name: '', digest: { sha512: digest } }] })),
    'dsse: an attestation of provenance': await dsse(here, statement(digest, { predicateType: 'https://slsa.dev/provenance/v1' })),
    'dsse: a statement of an earlier kind': await dsse(here, statement(digest, { type: 'https://in-toto.io/Statement/v0.1' })),
    'dsse: another payload type': await dsse(here, statement(digest), { payloadType: 'application/json' }),
    'dsse: a cosign payload': await dsse(here, simple(digest)),
    'dsse: another world': await dsse(elsewhere, statement(digest)),
    'dsse: another issuer': await dsse(here, statement(digest), { claims: { iss: 'https://elsewhere.example.com' } }),
    'dsse: another identity': await dsse(here, statement(digest), { claims: { sub: 'https://github.example.com/eve/app' } }),
    'dsse: an identity that begins like ours': await dsse(here, statement(digest), { claims: { sub: `${IDENTITY}.evil` } }),
    'dsse: an identity that ends like ours': await dsse(here, statement(digest), { claims: { sub: `https://evil.example.com/?${IDENTITY}` } }),
    'message: another image': await message(here, other),
    'message: the digest as text': await message(here, Buffer.from(`sha256:${digest}`)),
    'message: a cosign payload': await message(here, simple(digest)),
    'message: another world': await message(elsewhere, manifest),
    'message: another issuer': await message(here, manifest, { claims: { iss: 'https://elsewhere.example.com' } }),
  },
  badAnnotations: {
    'another image': await annotations(here, simple(otherDigest)),
    'another world': await annotations(elsewhere, simple(digest)),
    'another issuer': await annotations(here, simple(digest), { claims: { iss: 'https://elsewhere.example.com' } }),
    'another identity': await annotations(here, simple(digest), { claims: { sub: 'https://github.example.com/eve/app' } }),
    'a manifest for a payload': await annotations(here, manifest),
    'a statement for a payload': await annotations(here, statement(digest)),
  },
};
console.log(JSON.stringify(out, null, 1));
