#!/bin/bash
# How Kapso's client for Meta's WhatsApp Cloud API puts a delivery into its own form. Tried without wamon.
# Exit code: 0 all of it still holds, 1 something has changed, 2 it can't be tried here.
set -u
kapso=0.3.0
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
command -v npm >/dev/null || { echo "This needs Node and npm."; exit 2; }
npm install --prefix "$folder" --ignore-scripts --no-audit --no-fund --silent "@kapso/whatsapp-cloud-api@$kapso" \
  >"$folder/log" 2>&1 || { tail -n 1 "$folder/log"; exit 2; }
cat >"$folder/tried.mjs" <<'NODE'
// Each finding: what one would expect of a valid delivery, and what was seen.
import { normalizeWebhook } from "@kapso/whatsapp-cloud-api/server";

const PERSON = "27820000001";

/** One change: what this person sent to one of the business's numbers. */
const change = (number, message) => ({
  field: "messages",
  value: {
    messaging_product: "whatsapp",
    metadata: { display_phone_number: `2782000900${number}`, phone_number_id: `90022${number}` },
    contacts: [{ profile: { name: "T. One" }, wa_id: PERSON, user_id: "ZA.1" }],
    messages: [{ from: PERSON, from_user_id: "ZA.1", id: `M${number}`, timestamp: "1795860000", ...message }],
  },
});
const read = (...changes) => normalizeWebhook({ object: "whatsapp_business_account", entry: [{ id: "900111", changes }] });
const text = { type: "text", text: { body: "DR1752028" } };
const two = read(change(1, text), change(2, text));
const findings = [
  [
    "a person quotes a message of their own, so that context.from is theirs",
    "inbound",
    read(change(1, { ...text, context: { from: PERSON, id: "M0" } })).messages[0].kapso.direction,
    "outbound",
  ],
  [
    "messages to two of the business's numbers in one delivery",
    "each with the number it came to",
    `${two.messages.length} messages, ${"phoneNumberId" in two.messages[0] ? "a number each" : `all under ${two.phoneNumberId}`}`,
    "2 messages, all under 900222",
  ],
];
console.log(`@kapso/whatsapp-cloud-api ${process.argv[2]}, Node ${process.version}`);
let changed = 0;
for (const [what, expected, seen, asFound] of findings) {
  const holds = seen === asFound;
  changed += !holds;
  console.log(`${holds ? "holds  " : "CHANGED"} ${what}: expected ${expected}; seen: ${seen}`);
}
process.exit(changed ? 1 : 0);
NODE
cd "$folder" && timeout 60 node tried.mjs "$kapso" 2>log
code=$?
if ! [ $code = 0 ] && [ -s "$folder/log" ]; then tail -n 1 "$folder/log"; exit 1; fi
exit $code
