#!/bin/bash
# In which forms Baileys' own messages carry their time in JSON. No phone, no network: its protocol's messages alone.
# Exit code: 0 all of it still holds, 1 something has changed, 2 it can't be tried here.
set -u
baileys=6.17.16
protobuf=7.5.4
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
command -v npm >/dev/null || { echo "This needs Node and npm."; exit 2; }
cd "$folder" || exit 2
{ npm pack --silent "baileys@$baileys" && tar xzf "baileys-$baileys.tgz" &&
  npm install --prefix package/WAProto --no-audit --no-fund --ignore-scripts --silent "protobufjs@$protobuf"; } \
  >log 2>&1 || { tail -n 1 log; exit 2; }
cat >tried.cjs <<'NODE'
// Each finding: what one would expect of a message's time, and what was seen.
const { proto } = require("./package/WAProto/index.js");

const SECONDS = 1795860000;
const message = {
  key: { remoteJid: "120363000000000001@g.us", fromMe: false, id: "3EB0AA" },
  messageTimestamp: SECONDS,
  message: { conversation: "DR1752028" },
};
/** As a phone's history, or a message that it sends anew, brings it. */
const brought = proto.WebMessageInfo.decode(proto.WebMessageInfo.encode(proto.WebMessageInfo.fromObject(message)).finish());
const time = (value) => JSON.stringify(JSON.parse(JSON.stringify(value)).messageTimestamp);
const findings = [
  ["the whole message as JSON", `${SECONDS}, as of a live one`, time(brought), `"${SECONDS}"`],
  [
    "a copy of its fields as JSON, as programs make one to add theirs",
    "the same again",
    time({ ...brought, instance: "north" }),
    `{"low":${SECONDS},"high":0,"unsigned":true}`,
  ],
];
console.log(`baileys ${process.argv[2]}, protobufjs ${process.argv[3]}, Node ${process.version}`);
let changed = 0;
for (const [what, expected, seen, asFound] of findings) {
  const holds = seen === asFound;
  changed += !holds;
  console.log(`${holds ? "holds  " : "CHANGED"} ${what}: expected ${expected}; seen: ${seen}`);
}
process.exit(changed ? 1 : 0);
NODE
timeout 60 node tried.cjs "$baileys" "$protobuf" 2>log
code=$?
if ! [ $code = 0 ] && [ -s log ]; then tail -n 1 log; exit 1; fi
exit $code
