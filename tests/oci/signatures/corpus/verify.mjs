// What sigstore's own JavaScript says of signatures: second_opinion.py asks it for every case of the tests. In a folder of
// your own, for tests need no Node:
//
//   npm install @sigstore/verify @sigstore/bundle @sigstore/protobuf-specs
//
// Reads cases as JSON from standard input, in the folder that has node_modules; prints for each what it found:
// "holds": @sigstore/verify takes the signature; "says": what was signed is cosign's word about this image, read here
// without any of our code; "why": its reason against it.
import { createHash, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(`${process.cwd()}/`);
const { Verifier, toSignedEntity, toTrustMaterial } = require('@sigstore/verify');
const { bundleFromJSON } = require('@sigstore/bundle');
const { TrustedRoot } = require('@sigstore/protobuf-specs');

const asked = JSON.parse(readFileSync(0, 'utf8'));
const manifest = Buffer.from(asked.manifest, 'base64');
const digest = createHash('sha256').update(manifest).digest('hex');
const key = createPublicKey(asked.key);
const trust = toTrustMaterial(TrustedRoot.fromJSON(asked.root), () => ({ publicKey: key, validFor: () => true }));
const whole = (text) => `^${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`;
const policy = { subjectAlternativeName: whole(asked.identity), extensions: { issuer: asked.issuer } };
const byIdentity = { ctlogThreshold: 1, tlogThreshold: 1, timestampThreshold: 1 };
const byKey = { ctlogThreshold: 0, tlogThreshold: 0, timestampThreshold: 0 };

function check(document, artifact) {
  const bundle = bundleFromJSON(document);
  const keyed = bundle.verificationMaterial.content.$case === 'publicKey';
  const verifier = new Verifier(trust, keyed ? byKey : byIdentity);
  verifier.verify(toSignedEntity(bundle, artifact), keyed ? undefined : policy);
  return bundle;
}

function saysStatement({ payloadType, payload }) {
  const said = JSON.parse(Buffer.from(payload).toString('utf8'));
  return payloadType === 'application/vnd.in-toto+json'
    && said._type === 'https://in-toto.io/Statement/v1'
    && said.predicateType === 'https://sigstore.dev/cosign/sign/v1'
    && Array.isArray(said.subject)
    && said.subject.some((each) => each.digest?.sha256 === digest);
}

function saysPayload(payload) {
  const { critical } = JSON.parse(payload.toString('utf8'));
  const kinds = ['cosign container image signature', 'https://sigstore.dev/cosign/sign/v1'];
  return kinds.includes(critical.type) && critical.image['docker-manifest-digest'] === `sha256:${digest}`;
}

function ofBundle(raw) {
  const bundle = check(JSON.parse(raw.toString('utf8')), manifest);
  const { content } = bundle;
  if (content.$case === 'dsseEnvelope') return () => saysStatement(content.dsseEnvelope);
  return () => Buffer.from(content.messageSignature.messageDigest.digest).toString('hex') === digest;
}

// cosign's annotations, as the bundle that they are taken from.
function ofPayload({ payload, signature, certificate, bundle }) {
  const body = Buffer.from(payload, 'base64');
  const message = {
    messageDigest: { algorithm: 'SHA2_256', digest: createHash('sha256').update(body).digest('base64') },
    signature,
  };
  let document = {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint: '' }, tlogEntries: [] },
    messageSignature: message,
  };
  if (certificate || bundle) {
    const blocks = certificate.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
    if (blocks.length !== 1) throw new Error('not one certificate');
    const { SignedEntryTimestamp, Payload } = JSON.parse(bundle);
    const entry = {
      logIndex: String(Payload.logIndex),
      logId: { keyId: Buffer.from(Payload.logID, 'hex').toString('base64') },
      kindVersion: { kind: 'hashedrekord', version: '0.0.1' },
      integratedTime: String(Payload.integratedTime),
      inclusionPromise: { signedEntryTimestamp: SignedEntryTimestamp },
      canonicalizedBody: Payload.body,
    };
    const rawBytes = blocks[0].replace(/-----[^-]+-----|\s/g, '');
    document = {
      mediaType: 'application/vnd.dev.sigstore.bundle+json;version=0.1',
      verificationMaterial: { x509CertificateChain: { certificates: [{ rawBytes }] }, tlogEntries: [entry] },
      messageSignature: message,
    };
  }
  check(document, body);
  return () => saysPayload(body);
}

function opinion(each) {
  let says;
  try {
    says = each.raw === undefined ? ofPayload(each) : ofBundle(Buffer.from(each.raw, 'base64'));
  } catch (error) {
    return { holds: false, says: false, why: String(error.code ?? error.message).slice(0, 200) };
  }
  try {
    return { holds: true, says: says(), why: '' };
  } catch (error) {
    return { holds: true, says: false, why: String(error.message).slice(0, 200) };
  }
}

const found = Object.entries(asked.cases).map(([name, each]) => [name, opinion(each)]);
console.log(JSON.stringify(Object.fromEntries(found)));
