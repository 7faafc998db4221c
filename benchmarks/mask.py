"""The masking recognisers on generated lines, beside Presidio, and what they cost.

Faker writes the secrets, templates of game chat stand around them, in English, German
and Chinese. Recall: secrets of which nothing is left. Precision: of what was masked,
the share that was a secret. Presidio (its pattern
recognisers, no language model) reads the same lines, and then the masked ones: what it
still finds is listed.

    make bench-mask
"""

import argparse
import json
import platform
import random
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import tldextract
from faker import Faker
from presidio_analyzer import predefined_recognizers as presidio

from hotseat_serve.privacy import checksums
from hotseat_serve.privacy.recognisers import find, mask

LINES = {
    "en": (
        "gg, add me: {}", "my contact is {} ok?", "{} hit me up after the match",
        "so i wrote {} and they banned me lol", "send the gold to {}, thanks", "({})",
        "we won 3 to 1, {} for the replay at 12:30",
    ),
    "de": (
        "gg, schreib mir: {}", "das ist {} oder?", "{} nach der Runde",
        "wir haben 3 zu 1 gewonnen, {} um 12:30", "schick das Gold an {}, danke",
    ),
    "zh": (
        "加我{}谢谢", "我的联系方式是 {} ，打完找我", "{} 打完联系",
        "三比一赢了，{}，十二点半",
        "把金币发到{}好吗",
    ),
}  # fmt: skip
CLEAN = {
    "en": (
        "gg wp everyone", "push mid with {n} creeps", "i have {g} gold, need {n} more",
        "1v1 me at {h}:{m}", "hp {n}/{g}", "won {n}-{m} today", "ratio {n}.{g}",
        "lvl {n} +{m} %", "respawn in {n}s, boss has {g} hp", "v{n}.{m}.{h} is out",
        "meet at {g},{g} on the map", "unbelievable teamfight honestly!!!", "x{n} y{m}",
        "on {h}.{m}.2026 we play again", "seed {g}", "3rd place, {n} points",
    ),
    "de": ("gg, gut gespielt", "noch {n} Minuten, dann Pause", "{g} Gold, {n} fehlen"),
    "zh": ("大家打得很好", "还有{n}分钟", "我有{g}金币，还差{n}", "{h}点{m}分开始"),
}  # fmt: skip
LOCALES = {"en": "en_US", "de": "de_DE", "zh": "zh_CN"}
KEYS = {
    "token": ("AKIA", 16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
    "github": ("ghp_", 36, "ABCDEFGHIJabcdefghij0123456789"),
    "hex": ("", 32, "0123456789abcdef"),
}


# Presidio's look at domains: the list that comes with the package, not the network's
tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())


def secrets(language: str, seed: int) -> dict[str, Callable[[], str]]:
    """Return a writer of secrets for each kind."""
    fake = Faker(LOCALES[language])
    fake.seed_instance(seed)
    rng = random.Random(seed)

    def key(kind: str) -> str:
        start, size, letters = KEYS[kind]
        return start + "".join(rng.choices(letters, k=size))

    def resident() -> str:
        while True:
            born = fake.date_of_birth().strftime("%Y%m%d")
            place = rng.choice((110105, 310101, 440106))
            body = f"{place}{born}{rng.randrange(1000):03}"
            for last in "0123456789X":
                if checksums.is_resident_id(body + last):
                    return body + last

    phones = {
        "en": lambda: fake.numerify(rng.choice(
            ("(2##) %##-####", "3##-%##-####", "+1 4## %## ####", "+44 20 7### ####"))),
        "de": lambda: fake.numerify(rng.choice(
            ("+49 30 #######", "0171 #######", "+49 (0)89 ######", "030/#######"))),
        "zh": lambda: rng.choice((
            fake.phone_number(), fake.numerify("+86 138 #### ####"),
            fake.numerify("010-########"), fake.numerify("159-####-####"))),
    }  # fmt: skip
    wide = str.maketrans("0123456789", "０１２３４５６７８９")
    return {
        "email": fake.email,
        "phone": phones[language],
        "phone, full width": lambda: fake.numerify("138########").translate(wide),
        "card": lambda: fake.credit_card_number(rng.choice(("visa", "mastercard"))),
        "card, grouped": lambda: " ".join(
            textwrap.wrap(fake.credit_card_number("mastercard"), 4)
        ),
        "iban": fake.iban,
        "resident id": resident,
        "social security": Faker("en_US").ssn,
        "uuid": fake.uuid4,
        "ip": fake.ipv4,
        "ip, version 6": fake.ipv6,
        "mac": fake.mac_address,
        "url": fake.url,
        "key": lambda: key(rng.choice(tuple(KEYS))),
        "jwt": lambda: f"eyJhbGciOiJIUzI1NiJ9.{key('github')[4:]}.{key('hex')}",
        "password": lambda: f"password: {fake.password(10)}",
    }


def lines(count: int, seed: int) -> Iterator[tuple[str, str, str, str]]:
    """Yield language, kind, line and secret; kind and secret are empty for none."""
    rng = random.Random(seed)
    for language, templates in LINES.items():
        for kind, write in secrets(language, seed).items():
            for _ in range(count):
                secret = str(write())
                yield language, kind, rng.choice(templates).format(secret), secret
        for _ in range(count * 15):
            numbers = {
                "n": rng.randrange(100), "g": rng.randrange(100, 1_000_000),
                "h": rng.randrange(1, 24), "m": rng.randrange(10, 60),
            }  # fmt: skip
            yield language, "", rng.choice(CLEAN[language]).format(**numbers), ""


def judge(count: int, seed: int) -> dict[str, object]:
    """Return recall and precision by kind and language, Presidio's recall beside."""
    caught: Counter[tuple[str, str]] = Counter()
    seen: Counter[tuple[str, str]] = Counter()
    right: Counter[str] = Counter()
    masked: Counter[str] = Counter()
    theirs: Counter[tuple[str, str]] = Counter()
    left: Counter[str] = Counter()
    recognizers = [
        presidio.EmailRecognizer(), presidio.PhoneRecognizer(),
        presidio.UrlRecognizer(), presidio.CreditCardRecognizer(),
        presidio.IbanRecognizer(),
        presidio.IpRecognizer(), presidio.CryptoRecognizer(),
        presidio.UsSsnRecognizer(),
    ]  # fmt: skip
    for language, kind, line, secret in lines(count, seed):
        spans = find(line)
        start = line.find(secret) if secret else -1
        for a, b, _ in spans:
            masked[language] += 1
            right[language] += bool(secret) and a < start + len(secret) and start < b
        if secret:
            seen[kind, language] += 1
            bare = secret.removeprefix("password: ")
            at = line.find(bare)
            covered = {place for a, b, _ in spans for place in range(a, b)}
            caught[kind, language] += set(range(at, at + len(bare))) <= covered
            theirs[kind, language] += any(
                found.score >= 0.4 and found.start <= at and at + len(bare) <= found.end
                for one in recognizers
                for found in one.analyze(line, one.supported_entities, None) or ()
            )
        rest = mask(line)
        for one in recognizers:
            for found in one.analyze(rest, one.supported_entities, None) or ():
                if found.score >= 0.5:
                    left[f"{found.entity_type}: {kind or 'no secret'}"] += 1
    return {
        "recall": {f"{k}, {la}": caught[k, la] / seen[k, la] for k, la in seen},
        "presidio's recall": {
            f"{k}, {la}": theirs[k, la] / seen[k, la] for k, la in seen
        },
        "recall of all": sum(caught.values()) / sum(seen.values()),
        "presidio's recall of all": sum(theirs.values()) / sum(seen.values()),
        "precision": {la: right[la] / masked[la] for la in masked},
        "left over, as Presidio reads it": dict(left),
    }


def costs() -> dict[str, float]:
    """Return microseconds for 320 bytes without and with secrets, process time."""
    line = "gg wp that was a good match, who wants to go again? we push top now "
    clean = (line * 5)[:320]
    dirty = clean[:270] + " mail ada@example.org or +49 30 1234567 ok"
    found = {}
    for name, text in (("clean", clean), ("with two secrets", dirty)):
        best = []
        for _ in range(20):
            start = time.process_time_ns()
            for _ in range(200):
                mask(text)
            best.append((time.process_time_ns() - start) / 200 / 1e3)
        found[name] = min(best)
    return found


def main() -> None:
    """Print the figures; with --check, exit 1 where one is below its aim."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200, help="lines of each kind")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--check", action="store_true", help="fail below the aims")
    arguments = parser.parse_args()
    figures = judge(arguments.count, arguments.seed)
    cpu = next(
        (line.partition(":")[2].strip()
         for line in Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")),
        platform.processor(),
    )  # fmt: skip
    print(json.dumps({**figures, "microseconds": costs(), "cpu": cpu}, indent=1,
                     ensure_ascii=False))  # fmt: skip
    if arguments.check:
        low = {
            name: value for name, value in figures["recall"].items() if value < 0.97
        } | {name: value for name, value in figures["precision"].items() if value < 0.9}
        if low:
            raise SystemExit(f"below recall 0.97 or precision 0.90: {low}")


if __name__ == "__main__":
    main()
