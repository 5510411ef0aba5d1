// SPDX-License-Identifier: Apache-2.0
// The worked example of docs/pre.md, made from what it says that it was made from.

import { createHash } from "node:crypto";
import * as afgh from "./afgh.mjs";
import * as files from "./files.mjs";
import * as m from "./messages.mjs";

const URL = "https://gw1.example.org";
const MESSAGES = ["20.5\n", "20.7\n"];

const scalar = (name) => BigInt("0x" + createHash("sha512").update(`M2PRE1-KAT ${name}`).digest("hex")) % afgh.order;
const from = (first, n) => Buffer.from([...Array(n).keys()].map((i) => first + i));
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const hash = (bytes) => hex(afgh.sha256(bytes));
const someId = (first) => from(first, 4).readUInt32BE();

const source = m.sourceName(URL);
const signer = files.privateKey(from(0x20, 32));
const session = from(0x80, 16);
const h = { flags: 0, epoch: 0, stream: 1, keyIndex: 0, cid: 3, source };
const a1 = afgh.epochSecret(from(0, 32), source, h.stream, h.epoch);
const element = afgh.encrypt(afgh.publicFirst(a1), scalar("r"));
const unit = (type, first, rest) => m.writeUnit(h, type, someId(first), URL, "", rest);

const mm2 = m.makeMm2(h, element, session, signer);
const mm = m.readMm({ ...h, type: m.MM2 }, mm2);
const data = MESSAGES.map((text, seq) => m.makeData(h, session, someId(0xb0 + 16 * seq), seq, Buffer.from(text), signer));
const chains = data.reduce((all, d) => [...all, m.chainNext(all.at(-1), d.part)], [mm.chain]);
const end = m.makeEnd(h, { count: data.length, chain: chains.at(-1), prev: Buffer.alloc(32) }, signer);
const behind = [...data.map((d, i) => unit(m.DATA, 0xb0 + 16 * i, d.rest)), unit(m.END, 0xd0, end)];

const pk2 = afgh.publicSecond(scalar("b2"));
const rk = afgh.rekey(a1, pk2);
const mm1 = m.makeMm1(mm, m.pkId(pk2), rk);

console.log(JSON.stringify({
	stored: hex(Buffer.concat([unit(m.MM2, 0xa0, mm2), ...behind])),
	forwarded: hash(Buffer.concat([unit(m.MM1, 0xa0, mm1), ...behind])),
	rk: hex(afgh.pointBytes(rk)),
	"a1 of the epoch": hex(afgh.scalarBytes(a1)),
	"H(GT raw(K))": hash(afgh.gtRaw(element.k)),
	"K of the sink": hash(afgh.gtRaw(afgh.decryptFirst(afgh.readGt(mm1.subarray(-288)), scalar("b2")))),
	chain_0: hex(chains[0]),
	chain_1: hex(chains[1]),
	"H(AAD_1 || body_1)": hex(data[0].part),
	"H(AAD_2 || body_2)": hex(data[1].part),
}));
