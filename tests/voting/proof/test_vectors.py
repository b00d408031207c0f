"""Numbers that others published, computed or verified again by our code. Read from ../shared; skipped without it."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from service.client import blind, pss_encode, unblind
from service.registrar.signer import BlindSigner
from voting.proof import merkle, note, signing, tokens


@pytest.fixture(scope="module")
def vectors(shared: Path) -> Path:
    return shared / "vectors"


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def number(text: str) -> int:
    return int(text, 16)


def test_rfc_9474_blinding(vectors: Path) -> None:
    """RFC 9474 appendix A: 4 variants with 4096 bits, salts of 48 and of 0 bytes; every value byte for byte."""
    cases = read(vectors / "rfc9474.json")
    for case in cases:
        n, e, d = (number(case[name]) for name in ("n", "e", "d"))
        message, salt = bytes.fromhex(case["input_msg"]), bytes.fromhex(case["salt"])
        factor = pow(number(case["inv"]), -1, n)

        blinded = blind(n, message, salt=salt, factor=factor, exponent=e)
        blind_signature = pow(int.from_bytes(blinded, "big"), d, n).to_bytes(512, "big")
        signature = unblind(n, blind_signature, factor)

        assert len(salt) == number(case["sLen"])
        assert blinded.hex() == case["blinded_msg"]
        assert blind_signature.hex() == case["blind_sig"]
        assert signature.hex() == case["sig"]
        encoded = pss_encode(message, salt, n.bit_length() - 1)
        assert pow(int.from_bytes(signature, "big"), e, n) == int.from_bytes(encoded, "big")
    assert len(cases) == 4


def test_rfc_9578_tokens(vectors: Path) -> None:
    """RFC 9578 appendix B.2: request, response, token and key of 5 runs; `blind` there is r, not its inverse."""
    cases = read(vectors / "rfc9578_type2.json")
    for case in cases:
        key = load_pem_private_key(bytes.fromhex(case["skS"]), password=None)
        assert isinstance(key, RSAPrivateKey)
        signer = BlindSigner(key)
        challenge = bytes.fromhex(case["token_challenge"])
        message = tokens.token_input(
            bytes.fromhex(case["nonce"]), challenge_digest=hashlib.sha256(challenge).digest(), spki=signer.spki
        )
        n, factor = tokens.decode_spki(signer.spki), number(case["blind"])

        request = tokens.request(signer.spki, blind(n, message, salt=bytes.fromhex(case["salt"]), factor=factor))
        response = signer.sign(tokens.read_request(request, signer.spki))
        authenticator = unblind(n, response, factor)

        assert signer.spki.hex() == case["pkS"]
        assert request.hex() == case["token_request"]
        assert response.hex() == case["token_response"]
        assert (message + authenticator).hex() == case["token"]
        assert tokens.is_token(signer.spki, message, authenticator)
    assert len(cases) == 5


def test_our_challenge_is_the_one_of_rfc_9578(vectors: Path) -> None:
    """The first run has a redemption context of 32 bytes and an origin, as ours always have."""
    case = read(vectors / "rfc9578_type2.json")[0]
    context = bytes.fromhex("8e7acc900e393381e8810b7c9e4a68b5163f1f880ab6688a6ffe780923609e88")

    assert tokens.challenge("issuer.example", context, "origin.example").hex() == case["token_challenge"]


def test_wycheproof_rsa_pss(vectors: Path) -> None:
    """141 signatures with SHA-384 and a salt of 48 bytes: exactly the valid ones pass as tokens."""
    seen = 0
    for group in read(vectors / "wycheproof" / "rsa_pss_2048_sha384_mgf1_48_test.json")["testGroups"]:
        spki = tokens.encode_spki(number(group["publicKey"]["modulus"]))
        for case in group["tests"]:
            good = tokens.is_token(spki, bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"]))
            assert good == (case["result"] == "valid"), case["comment"]
            seen += 1
    assert seen == 141


def test_wycheproof_ed25519(vectors: Path) -> None:
    """151 signatures: exactly the valid ones pass."""
    seen = 0
    for group in read(vectors / "wycheproof" / "ed25519_test.json")["testGroups"]:
        key = bytes.fromhex(group["publicKey"]["pk"])
        for case in group["tests"]:
            good = signing.verify(key, bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"]))
            assert good == (case["result"] == "valid"), case["comment"]
            seen += 1
    assert seen == 151


def test_merkle_inclusion(vectors: Path) -> None:
    """98 inclusion proofs of transparency-dev/merkle, good and bad."""
    cases = [read(path) for path in (vectors / "merkle" / "inclusion").rglob("*.json")]
    for case in cases:
        good = merkle.verify_inclusion(
            decoded(case["leafHash"]),
            index=case["leafIdx"],
            size=case["treeSize"],
            proof=[decoded(one) for one in case["proof"] or ()],
            tree_root=decoded(case["root"]),
        )
        assert good != case["wantErr"], case["desc"]
    assert len(cases) == 98


def test_merkle_consistency(vectors: Path) -> None:
    """98 consistency proofs, good and bad. A tree of size 0 proves nothing, so we refuse it (c2sp.org/tlog-witness)."""
    cases = [read(path) for path in (vectors / "merkle" / "consistency").rglob("*.json")]
    for case in cases:
        good = merkle.verify_consistency(
            old_size=case["size1"],
            new_size=case["size2"],
            old_root=decoded(case["root1"]),
            new_root=decoded(case["root2"]),
            proof=[decoded(one) for one in case["proof"] or ()],
        )
        assert good == (not case["wantErr"] and case["size1"] > 0), case["desc"]
    assert len(cases) == 98


def decoded(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def test_rfc_6962_roots() -> None:
    """The roots over 1 to 8 leaves in google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc."""
    leaves = [bytes.fromhex(one) for one in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )]  # fmt: skip
    roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]

    for size, root in enumerate(roots, start=1):
        assert merkle.root(map(merkle.leaf_hash, leaves[:size])).hex() == root


def test_signed_note_of_the_go_documentation() -> None:
    """golang.org/x/mod sumdb/note, example_test.go: the key of PeterNeumann and his signature, byte for byte."""
    secret = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
    text = (
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    )  # fmt: skip

    key = note.vkey_of(secret, "PeterNeumann")
    line = note.sign(text, secret, "PeterNeumann")

    assert str(key) == "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    assert line == (
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    assert note.verify(note.assemble(text, line), (note.parse_vkey(str(key)),)).text == text
