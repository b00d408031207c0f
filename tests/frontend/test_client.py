"""The voter's side in TypeScript: its own tests, and its bytes against those of Python's libraries."""

import base64
import hashlib
import json
import subprocess
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tests.frontend.node import FRONTEND, require_node

RUN = """
import { selftest } from "./client/selftest.ts";
let text = "";
for await (const part of process.stdin) text += part;
console.log(JSON.stringify(selftest(JSON.parse(text))));
"""
SEED, CTX, ROLL_ID, CODE = (
    bytes(range(32)),
    bytes(range(100, 132)),
    bytes(range(16)),
    bytes.fromhex("8f02c1775ae0319b44d6"),
)
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def run_selftest(values: dict[str, object]) -> dict[str, object]:
    """Return what frontend/client/selftest.ts makes of the input."""
    command = [require_node(), "--input-type=module", "--eval", RUN]
    done = subprocess.run(
        command, cwd=FRONTEND, input=json.dumps(values), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def tag(name: str) -> bytes:
    """Protocol section 2."""
    return b"weighin/v1/" + name.encode() + b"\0"


def derive(secret: bytes, info: bytes, size: int) -> bytes:
    """HKDF-SHA256 without salt, from another library than the client's."""
    return HKDF(hashes.SHA256(), size, None, info).derive(secret)


def expand(label: bytes, size: int) -> bytes:
    """K(l, n) of protocol section 5."""
    return derive(SEED, tag("voter") + CTX + len(label).to_bytes(4, "big") + label, size)


def groups_of(code: bytes) -> list[str]:
    """The four groups of a code (protocol section 4)."""
    bits = int.from_bytes(code, "big")
    data = [bits >> (5 * (15 - at)) & 31 for at in range(16)]
    groups = []
    for number in range(1, 5):
        four = data[4 * number - 4 : 4 * number]
        check = sum(weight * value for weight, value in zip((1, 3, 5, 7), four, strict=True)) + 9 * number
        groups.append("".join(ALPHABET[value] for value in [*four, check % 32]))
    return groups


@pytest.fixture(scope="module")
def issuer() -> rsa.RSAPrivateKey:
    """An issuer's key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def answer(issuer: rsa.RSAPrivateKey) -> dict[str, object]:
    """One voter and one ballot, in TypeScript; the issuer's answer made here, with plain RSA."""
    numbers = issuer.private_numbers()
    spki = issuer.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    values: dict[str, object] = {
        "seed": SEED.hex(),
        "ctx": CTX.hex(),
        "code": " ".join(groups_of(CODE)).lower(),
        "roll_id": ROLL_ID.hex(),
        "cls": "resident",
        "box_host": "box.example",
        "issuers": [{"host": "issuer.example:8443", "spki": base64.b64encode(spki).decode()}],
        "rev": 258,
        "choices": '{"ranking":["o01","o02"]}',
        "pad": 64,
        "sealed": base64.b64encode(b"sealed").decode(),
    }
    request = base64.b64decode(run_selftest(values)["requests"][0])  # type: ignore[index]
    signed = pow(int.from_bytes(request[3:], "big"), numbers.d, numbers.public_numbers.n)
    issuers = values["issuers"]
    assert isinstance(issuers, list)
    issuers[0]["response"] = base64.b64encode(signed.to_bytes(256, "big")).decode()
    return {**run_selftest(values), "spki": spki}


def test_unit_tests_pass():
    """Every *.test.ts under client and elements."""
    files = sorted(str(path.relative_to(FRONTEND)) for path in FRONTEND.glob("client/*.test.ts"))
    files += sorted(str(path.relative_to(FRONTEND)) for path in FRONTEND.glob("elements/*/*.test.ts"))
    done = subprocess.run(
        [require_node(), "--test", *files], cwd=FRONTEND, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_types_hold():
    """The TypeScript compiler, in its strictest mode, has nothing to say."""
    compiler = FRONTEND / "node_modules" / "typescript" / "bin" / "tsc"
    done = subprocess.run(
        [require_node(), str(compiler), "--project", "tsconfig.json"],
        cwd=FRONTEND,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout


def test_code_and_roll_key(answer):
    """The code as it was mailed, its 10 bytes, and the key that HKDF makes of them."""
    secret = derive(CODE, tag("roll") + ROLL_ID, 32)

    assert answer["code"] == CODE.hex()
    assert answer["code_groups"] == groups_of(CODE)
    assert answer["roll_sk"] == secret.hex()
    assert answer["roll_pk"] == Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw().hex()


def test_seed_gives_keys_and_salts(answer):
    """Voter key, salt of the revision and PSS salt, by the labels of section 5."""
    voter = Ed25519PrivateKey.from_private_bytes(expand(b"sign", 32))

    assert answer["pk"] == voter.public_key().public_bytes_raw().hex()
    assert answer["salt"] == expand(b"salt" + (258).to_bytes(4, "big"), 32).hex()
    assert answer["pss_salts"] == [expand(b"pssissuer.example:8443", 48).hex()]


def test_blinding_factor_is_the_first_that_fits(answer, issuer):
    """r is the first K("blind" || host || j) below the modulus."""
    modulus = issuer.public_key().public_numbers().n
    candidates = (int.from_bytes(expand(b"blindissuer.example:8443" + bytes([j]), 256), "big") for j in range(256))
    expected = next(value for value in candidates if 1 < value < modulus)

    assert int(answer["factors"][0], 16) == expected


def test_token_verifies_as_plain_pss(answer, issuer):
    """Challenge and input are laid out as in RFC 9577 and 9578; the token is an ordinary PSS signature of the input."""
    host, box = b"issuer.example:8443", b"box.example"
    challenge = b"\0\2" + len(host).to_bytes(2, "big") + host + b"\x20" + CTX + len(box).to_bytes(2, "big") + box
    token_input = (
        b"\0\2"
        + bytes.fromhex(answer["pk"])
        + hashlib.sha256(challenge).digest()
        + hashlib.sha256(answer["spki"]).digest()
    )

    assert answer["challenges"] == [challenge.hex()]
    assert answer["token_inputs"] == [token_input.hex()]
    issuer.public_key().verify(
        base64.b64decode(answer["tokens"][0]),
        token_input,
        padding.PSS(padding.MGF1(hashes.SHA384()), 48),
        hashes.SHA384(),
    )


def test_roll_signature_covers_the_requests(answer):
    """roll_sig is over the tag, ctx and the hash of every request."""
    request = base64.b64decode(answer["requests"][0])
    message = tag("issue") + CTX + hashlib.sha256(request).digest()

    assert len(request) == 259
    assert request[:3] == b"\0\2" + hashlib.sha256(answer["spki"]).digest()[-1:]
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(answer["roll_pk"])).verify(
        base64.b64decode(answer["roll_sig"]), message
    )


def test_ballot_bytes(answer):
    """Commitment, padded plaintext, header, signature and digest, each from its definition in section 7."""
    choices, rev, pk = b'{"ranking":["o01","o02"]}', (258).to_bytes(4, "big"), bytes.fromhex(answer["pk"])
    salt = bytes.fromhex(answer["salt"])
    commit = hashlib.sha256(tag("choices") + CTX + pk + rev + salt + choices).digest()
    header = json.dumps(
        {
            "type": "weighin/v1/ballot",
            "ctx": CTX.hex(),
            "cls": "resident",
            "pk": answer["pk"],
            "rev": 258,
            "commit": commit.hex(),
            "seal": hashlib.sha256(b"sealed").hexdigest(),
            "tok": answer["tokens"],
        },
        sort_keys=True,
        separators=(",", ":"),
    )
    signature = base64.b64decode(answer["sig"])
    digest = hashlib.sha256(tag("leaf") + len(header).to_bytes(4, "big") + header.encode() + signature).digest()

    assert answer["commit"] == commit.hex()
    assert answer["plaintext"] == (salt + choices.ljust(64)).hex()
    assert answer["seal_info"] == (tag("seal") + CTX + pk + rev + commit).hex()
    assert answer["header"] == header
    Ed25519PublicKey.from_public_bytes(pk).verify(signature, tag("ballot") + header.encode())
    assert answer["digest"] == base64.b64encode(digest).decode()


@pytest.mark.parametrize("slip", [lambda code: code[:-1] + ("0" if code[-1] != "0" else "1"), lambda code: code[:-1]])
def test_a_slip_in_the_code_is_refused(slip: Callable[[str], str]):
    """A wrong check character or a missing one: an error, and no key."""
    values = {"code": slip("".join(groups_of(CODE))), "seed": SEED.hex(), "ctx": CTX.hex(), "roll_id": ROLL_ID.hex()}
    with pytest.raises(AssertionError, match="WrongCode"):
        run_selftest(values)
