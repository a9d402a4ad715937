"""Seeded site chat in which nobody posts a drop: what people in such groups write beside their numbers.

Prices, phone numbers, dates, readings, serials, tickets and links are frequent in it, since those are the digits that a
reader of drop numbers can trip over. All people and places are invented.
"""

from __future__ import annotations

from random import Random
from string import Formatter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PEOPLE = ("Sipho", "Thabo", "Lerato", "Nomsa", "Pieter", "Anika", "Riaan", "Zanele", "Bongani", "Me Khoza", "Dr Nkosi")
STREETS = ("Main road", "Protea str", "Oak Drive", "Acacia Dr", "Mandela ave", "Kerkstraat", "Dr Moroka street", "R558")
_CODE_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"


def _digits(rng: Random, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))


def _serial(rng: Random) -> str:
    letters = "".join(rng.choice(_CODE_LETTERS) for _ in range(4))
    return letters + "".join(rng.choice("0123456789ABCDEF") for _ in range(8))


def _amount(rng: Random) -> str:
    rands = rng.choice((rng.randrange(20, 2000), 50 * rng.randrange(1, 80), 1000 * rng.randrange(1, 1500)))
    grouped = f"{rands:,}"
    return rng.choice(
        (f"R{rands}", f"R {rands}", f"R{grouped}", f"R{rands}.00", "R" + grouped.replace(",", " "), f"{rands} rand")
    )


def _phone(rng: Random) -> str:
    own = f"000{_digits(rng, 4)}"
    forms = (
        f"082{own}",
        f"082 {own[:3]} {own[3:]}",
        f"+2782{own}",
        f"+27 82 {own[:3]} {own[3:]}",
        f"082-{own[:3]}-{own[3:]}",
    )
    return rng.choice((*forms, f"2782{own}", f"(082) {own[:3]} {own[3:]}", f"082 {own}", f"+27 (0)82 {own}"))


def _date(rng: Random) -> str:
    year, month, day = rng.choice((2025, 2026)), rng.randrange(1, 13), rng.randrange(1, 29)
    forms = (
        f"{year}-{month:02}-{day:02}",
        f"{day:02}/{month:02}/{year}",
        f"{day}.{month}.{year}",
        f"{year}{month:02}{day:02}",
    )
    return rng.choice((*forms, f"{day} Nov {year}", f"{day:02}-{month:02}-{year % 100}", f"{day:02}{month:02}{year}"))


def _time(rng: Random) -> str:
    hour, minute = rng.randrange(6, 20), rng.randrange(60)
    return rng.choice(
        (
            f"{hour}:{minute:02}",
            f"{hour}h{minute:02}",
            f"{hour:02}{minute:02}",
            f"{hour}:{minute:02}:{rng.randrange(60):02}",
        )
    )


def _link(rng: Random) -> str:
    lat, lon = f"-26.{_digits(rng, 6)}", f"27.{_digits(rng, 6)}"
    return rng.choice(
        (
            f"https://maps.app.goo.gl/x{_digits(rng, 7)}y",
            f"https://maps.google.com/?q={lat},{lon}",
            f"https://files.example.org/sites/{_digits(rng, 7)}/plan.pdf",
            f"http://10.0.{rng.randrange(256)}.{rng.randrange(256)}:8080/drop/{_digits(rng, 6)}",
            f"www.example.org/order?id={_digits(rng, 8)}",
            f"{lat}, {lon}",
        )
    )


_SLOTS: dict[str, Callable[[Random], str]] = {
    "person": lambda rng: rng.choice(PEOPLE),
    "street": lambda rng: f"{rng.randrange(1, 400)} {rng.choice(STREETS)}",
    "amount": _amount,
    "phone": _phone,
    "date": _date,
    "time": _time,
    "link": _link,
    "serial": _serial,
    "few": lambda rng: str(rng.randrange(2, 30)),
    "hundreds": lambda rng: str(rng.randrange(100, 2000)),
    "stand": lambda rng: str(rng.randrange(100, 12_000)),
    "dbm": lambda rng: f"-{rng.randrange(14, 28)}.{rng.randrange(100)}",
    "pole": lambda rng: f"{rng.choice(('P.B', 'LAW.P.A', 'MO-', 'P'))}{rng.randrange(1, 999):03}",
    "ticket": lambda rng: rng.choice(("INC", "REQ", "TT", "WO", "JOB-", "#")) + _digits(rng, rng.randrange(5, 9)),
    "reference": lambda rng: _digits(rng, rng.randrange(5, 10)),
    "account": lambda rng: _digits(rng, rng.randrange(9, 12)),
    "pin": lambda rng: _digits(rng, rng.choice((4, 5, 6))),
    "mac": lambda rng: ":".join(f"{rng.randrange(256):02X}" for _ in range(6)),
    "ip": lambda rng: f"192.168.{rng.randrange(256)}.{rng.randrange(256)}",
    "emoji": lambda rng: rng.choice(("👍🏾", "🙏", "✅", "😂😂", "❤️", "1️⃣", "💯", "🔟", "")),
}

WORDS = (
    "Good morning team",
    "Môre almal",
    "Sawubona bafethu, sikhona e-site",
    "Dumelang, we are on our way {emoji}",
    "Ngicela usizo, i-ladder ayikho",
    "Goeiemôre manne, ons is op pad",
    "Die kabel is te kort, bel asseblief vir {person}",
    "ok {emoji}",
    "{emoji}",
    "noted",
    "Yebo",
    "Dankie {person}",
    "Siyabonga {emoji}",
    "Who has the OTDR?",
    "the drop cable is too short again",
    "pls drop me at the yard when you go",
    "Dr Nkosi asks for a call",
    "customer not home, gate locked, dog in the yard",
    "can someone bring drop clamps and a reel to the corner",
    "No network here, will send photos later",
    "Kan iemand asseblief die drop kabel bring",
    "Amandla ayikho la, siyalinda",
    "who is on standby tonight?",
    "rain started, we stop",
    "is the drop done or not??",
    "the ONT has a red light, it is the drop again",
)
NUMBERED = (
    "load shedding till {time}",
    "Splicing at pole {pole}, {few} min",
    "Stand {stand}, gate locked",
    "Stand {stand} done {emoji}",
    "House {few} and {few} not home",
    "{street}, client waiting",
    "drive {hundreds} km",
    "{dbm} dBm",
    "Power {dbm} at the ONT, {dbm} at the pole",
    "1310: {dbm} 1550: {dbm}",
    "we need {hundreds} m of drop cable",
    "drop cable {hundreds}m x {few}",
    "order {few} drop reels of {hundreds} m",
    "Drop off the ladder at {street} before {time}",
    "Drops today: {few}, yesterday {few}",
    "{few} drops done, {few} to go",
    "drop {few} is on the wrong pole",
    "Price drop from {amount} to {amount}",
    "petrol {amount}",
    "He wants {amount} for the trench",
    "Slip: {amount}, airtime {amount}",
    "invoice {reference}, {amount}",
    "Order no {reference} for {person}",
    "paid {amount} into {account}",
    "Acc {account} Standard bank, ref {reference}",
    "{phone}",
    "call {person} {phone}",
    "Bel {phone} as jy daar is",
    "{person}: {phone} / {phone}",
    "Dr Nkosi {phone}",
    "Dr. Mokoena's rooms, {street}, tel {phone}",
    "drop {person} a message on {phone}",
    "Tel no {phone}\nAsk for {person}",
    "meeting {date} {time}",
    "{date}",
    "{date} {time} - {person}: ok",
    "leave from {date} to {date}",
    "Job card {date}: {few} houses, {hundreds} m trench",
    "{link}",
    "location {link}",
    "drop pin {link}",
    "ONT {serial}",
    "ONT s/n {serial} at {street}",
    "serial {serial}\nmac {mac}",
    "UPS {serial} faulty, returned {date}",
    "meter no 0{account}",
    "ticket {ticket} is still open",
    "{ticket} assigned to {person}",
    "ref {reference} {emoji}",
    "OTP {pin}",
    "Your code is {pin}. Do not share it.",
    "wifi password {pin}{person}",
    "gate code {pin}#",
    "ip {ip} vlan {hundreds}",
    "port {few} on OLT {few}, splitter 1:{few}",
    "R2D2 is sick today, {few} people left",
    "{few}x clamps\n{few}x hooks\n{hundreds}m cable\n{few}x ONT",
    "1. Ladder\n2. Drill {few} mm\n3. Cable {hundreds} m",
    "1️⃣ trench\n2️⃣ pole {pole}\n3️⃣ splice",
    "temperature {few}°C, {few}% rain",
    "GPS {link}",
    "FW version 4.{few}.{hundreds}",
    "{hundreds}/{hundreds} Mbps at {time}",
    "Speedtest {hundreds}.{few} down {few}.{few} up",
    "room is {few}m² and {few}½ m high",
    "Budget {amount} ({date})\nSpent {amount}\nLeft {amount}",
    "po {reference} for {amount} sent {date}",
    "Erf {stand} Lawley ext {few}",
    "Pole {pole} to {pole} {hundreds} m, {few} drops",
    "{person} {few}/{few} done",
    "bank {account}\n{person}",
    "ID {account}{pin}",
    "vehicle reg {few}{person} GP",
    "fuel {few}l at {time}, {hundreds}{hundreds} km on the clock",
    "+{few} for today {emoji}",
    "we do 200m drop at {street} by {time}, client is Dr Nkosi",
    "Client complains about speed drop, ticket {ticket}, tel {phone}",
    "Dr Moroka street {few} to {few}, {hundreds} m",
)


def site_chat(seed: int) -> Iterator[str]:
    """Messages without end, some two of five without a digit; equal for equal seeds."""
    rng = Random(seed)
    while True:
        yield _filled(rng, rng.choice(WORDS if rng.random() < 0.4 else NUMBERED))


def _filled(rng: Random, template: str) -> str:
    return "".join(words + (_SLOTS[slot](rng) if slot else "") for words, slot, _, _ in Formatter().parse(template))
