"""An independent reader and writer of the sealed stream: Tink's streaming AEAD, both ways."""

import io
import os
import secrets
import subprocess
from pathlib import Path

import pytest
import tink
from tink import secret_key_access, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, tink_pb2

STREAM = os.environ.get("ARQUETA_STREAM", str(Path(__file__).resolve().parents[2] / "target/debug/examples/stream"))
SEGMENT = 65536
FIRST = SEGMENT - 16 - 40
LATER = SEGMENT - 16
EDGES = [FIRST, FIRST + LATER, FIRST + 2 * LATER]
SIZES = sorted({0, 1, 15, 16, 17, 3 * 2**20 + 12345} | {edge + d for edge in EDGES for d in (-1, 0, 1)})

streaming_aead.register()


def primitive(ikm):
    """Tink's AES256_GCM_HKDF streaming AEAD with 64 KiB segments over a raw key."""
    key = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(
        version=0, key_value=ikm,
        params=aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingParams(
            ciphertext_segment_size=SEGMENT, derived_key_size=32, hkdf_hash_type=common_pb2.SHA256))
    keyset = tink_pb2.Keyset(primary_key_id=1)
    keyset.key.add(
        key_data=tink_pb2.KeyData(type_url="type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey",
                                  value=key.SerializeToString(), key_material_type=tink_pb2.KeyData.SYMMETRIC),
        status=tink_pb2.ENABLED, key_id=1, output_prefix_type=tink_pb2.RAW)
    handle = tink.proto_keyset_format.parse(keyset.SerializeToString(), secret_key_access.TOKEN)
    return handle.primitive(streaming_aead.StreamingAead)


def arqueta(what, ikm, aad, data):
    run = subprocess.run([STREAM, what, ikm.hex(), aad.hex()], input=data, capture_output=True, timeout=60)
    if run.returncode:
        raise ValueError(run.stderr.decode())
    return run.stdout


class Kept(io.BytesIO):
    """A sink whose bytes survive Tink closing it."""

    def close(self):
        self.kept = self.getvalue()
        super().close()


@pytest.mark.parametrize("size", SIZES)
def test_each_opens_what_the_other_sealed(size):
    ikm, aad, plain = secrets.token_bytes(32), secrets.token_bytes(33), secrets.token_bytes(size)
    sealed = arqueta("seal", ikm, aad, plain)
    with primitive(ikm).new_decrypting_stream(io.BytesIO(sealed), aad) as stream:
        assert stream.read() == plain
    sink = Kept()
    with primitive(ikm).new_encrypting_stream(sink, aad) as stream:
        stream.write(plain)
    assert len(sink.kept) == len(sealed)
    assert arqueta("open", ikm, aad, sink.kept) == plain


EDITS = {
    "cut": lambda s: s[:-1],
    "a byte appended": lambda s: s + b"\0",
    "header length": lambda s: bytes([s[0] ^ 1]) + s[1:],
    "last tag": lambda s: s[:-1] + bytes([s[-1] ^ 1]),
    "other associated data": lambda s: s,
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("size", [0, 1, FIRST - 1, FIRST, FIRST + 1, FIRST + LATER, 200_000])
def test_what_tink_refuses_arqueta_refuses(size, edit):
    ikm, aad, plain = secrets.token_bytes(32), b"aad", secrets.token_bytes(size)
    edited = EDITS[edit](arqueta("seal", ikm, aad, plain))
    with_aad = b"other" if edit == "other associated data" else aad
    with pytest.raises(ValueError):
        arqueta("open", ikm, with_aad, edited)

    def tink_reads():
        with primitive(ikm).new_decrypting_stream(io.BytesIO(edited), with_aad) as stream:
            return stream.read()

    if edit == "a byte appended" and size in EDGES:
        # Tink for Python stops at a full last segment and never sees less than a tag behind it;
        # it releases the plaintext, whole. Arqueta is stricter.
        assert tink_reads() == plain
        return
    with pytest.raises(tink.TinkError):
        tink_reads()
