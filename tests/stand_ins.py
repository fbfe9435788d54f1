"""Small stand-ins for the real data that a bare clone lacks: rows in the same formats, in words of our own.

Tests of real data run on these too, so that what reads, splits and audits such data is tested everywhere. A stand-in
has the properties that the tests ask of the real data (a cue in half of a class, dates that are only years, attacks
that change with time), and nothing copied from them.
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

CVES = 48  # of each family in `nuclei_dev`
WORDS = (
    "amber basil cedar delta ember flint grove hazel inlet jasper kelp larch maple north olive pearl quartz reed"
).split()
# Two kinds of attack for each family: the first is the tool's usual one, which an audit should name.
ATTACKS = {
    "xss": ("<script>alert(document.domain)</script>", "<svg onload=print({n})>"),
    "path_traversal": ("../../../../../etc/passwd", "..%5c..%5cconfig{n}.ini"),
    "sqli": ("{n}' OR '1'='1", "{n} UNION SELECT NULL,{n}-- "),
    "command_injection": (";id;echo {n}", "$(expr {n} + 1)"),
    "code_injection": ("<?php echo {n}; ?>", "${{{n}*7}}"),
    "ssrf_xxe": ("http://127.0.0.1:{n}/status", "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/host{n}'>]><a>&b;</a>"),
    "file_upload": ("<% out.print({n}) %>", "<?= {n} ?>"),
    "open_redirect": ("https://oast.example/{n}", "//other{n}.example/"),
}
USUAL = {"open_redirect": 0.9}  # share of the first kind, else a half


def nuclei_dev(path: Path) -> Path:
    """Writes requests in the format of ``nuclei_dev.jsonl.gz``: eight families, helper steps and another family."""
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in _requests())
    return path


def _requests() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(0)
    for number, family in enumerate(ATTACKS):
        for i in range(CVES):
            year = 2014 + i % 9
            first, second = rng.choice(WORDS, 2, replace=False)
            about = {
                "cve": f"CVE-{year}-{10_000 * (number + 1) + i}",
                "cwe": [],
                "family": family,
                "title": f"{first} {second}",
                "description": f"A {family.replace('_', ' ')} weakness in the {second} page of {first} {i}.",
                "published_year": year,
                "vendor": f"{first} {number}{i // 4}",
                "product": f"{first} {second} {number}{i // 2}",
            }
            place = f"/{first}/{second}{i}"
            steps = (
                [("login_step", f"POST {place}/login HTTP/1.1\nHost: target.example\n\nuser=a&password=b")]
                if i % 8 == 0
                else []
            )
            hidden = rng.random() < (
                0.1 if year < 2020 else 0.5
            )  # an encoding that nothing but the CVE tells the class of
            steps += [("attack_step" if steps else "single", _attack(rng, family, place, hidden)) for _ in range(2)]
            for step, (role, payload) in enumerate(steps):
                yield {**about, "id": f"{about['cve']}#{step}", "payload": payload, "role": role, "step": step}
    for i in range(12):
        row = {"id": f"other#{i}", "cve": f"CVE-2020-{i}", "family": "auth_bypass", "description": "Another weakness."}
        row |= {
            "payload": f"GET /account/{i} HTTP/1.1\nHost: target.example\n",
            "role": "single",
            "published_year": 2020,
        }
        yield row | {"cwe": [], "vendor": "none", "product": "none", "step": 0}


def _attack(rng: np.random.Generator, family: str, place: str, hidden: bool) -> str:
    number = int(rng.integers(100, 1000))
    usual = rng.random() < USUAL.get(family, 0.5)
    attack = ATTACKS[family][0 if usual else 1].format(n=number)
    if hidden:
        attack, usual = rng.bytes(12).hex(), False
    if family == "xss" and rng.random() < 0.4:
        place = f"/wp-content/plugins{place}.php"
    name, other = rng.choice(WORDS, 2, replace=False)
    if family == "file_upload" and usual:
        body = (
            f'--sep\nContent-Disposition: form-data; name="{name}"; filename="{other}{number}.php"\n\n{attack}\n--sep--'
        )
        return f"POST {place} HTTP/1.1\nHost: target.example\nContent-Type: multipart/form-data; boundary=sep\n\n{body}"
    if rng.random() < 0.4:
        return f"POST {place} HTTP/1.1\nHost: target.example\n\n{other}={number}&{name}={attack}"
    return f"GET {place}?{other}={number}&{name}={attack.replace(' ', '%20')} HTTP/1.1\nHost: target.example\n"
