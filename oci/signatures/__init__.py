"""What a signature or a bundle says of an image, and whether it holds: no network, no Django, bytes in and words out.

Sources: cosign, ``specs/SIGNATURE_SPEC.md`` and ``specs/BUNDLE_SPEC.md``; sigstore, protobuf-specs, bundle 0.3; in-toto
attestation 1; DSSE 1.
"""
