// SPDX-License-Identifier: Apache-2.0
// The known answers of the unit tests, computed again.

import { createHash, hkdfSync } from "node:crypto";
import * as afgh from "./afgh.mjs";

const scalar = (name) => BigInt("0x" + createHash("sha512").update(`M2PRE1-KAT ${name}`).digest("hex")) % afgh.order;
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const hash = (bytes) => hex(afgh.sha256(bytes));

const a1 = scalar("a1");
const a2 = scalar("a2");
const b2 = scalar("b2");
const r = scalar("r");
const pk2 = afgh.publicSecond(b2);
const rk = afgh.rekey(a1, pk2);
const { c1, k } = afgh.encrypt(afgh.publicFirst(a1), r);
const d = afgh.reencrypt(c1, rk);
const b = afgh.gtMultiply(afgh.gtPower(afgh.Z, scalar("m")), k);

const SEED = Buffer.from([...Array(32).keys()]);
const SOURCE = Buffer.from("e2ed309374ff3c18af0b384f8b68f614", "hex");
const epochs = [[0x1234, 0x01020304], [0x1234, 0x01020305], [0x1235, 0x01020304]];

function element(name, x) {
	return { [`${name} raw`]: hash(afgh.gtRaw(x)), [name]: hash(afgh.gtBytes(x)),
		[`${name} again`]: hash(afgh.gtRaw(afgh.readGt(afgh.gtBytes(x)))) };
}

console.log(JSON.stringify({
	...Object.fromEntries(["a1", "a2", "b2", "r", "m"].map((n) => [n, hex(afgh.scalarBytes(scalar(n)))])),
	"h^a2": hex(afgh.pointBytes(afgh.publicSecond(a2))),
	"h^b2": hex(afgh.pointBytes(pk2)),
	rk: hex(afgh.pointBytes(rk)),
	C1: hex(afgh.pointBytes(c1)),
	"Z begins": hex(afgh.gtRaw(afgh.Z).subarray(0, 48)),
	...element("Z", afgh.Z),
	...element("Z^a1", afgh.publicFirst(a1)),
	...element("K", k),
	...element("D", d),
	...element("B", b),
	...Object.fromEntries(epochs.map(([stream, epoch]) => [`epoch ${stream.toString(16)} ${epoch.toString(16)}`,
		hex(afgh.scalarBytes(afgh.epochSecret(SEED, SOURCE, stream, epoch)))])),
	"K of the sink": hash(afgh.gtRaw(afgh.decryptFirst(d, b2))),
	"K of the owner": hash(afgh.gtRaw(afgh.decryptSecond(c1, a1))),
	"keys of K": hex(hkdfSync("sha256", afgh.gtRaw(k), "M2PRE1", "M2PRE1 kem KAT", 60)),
}));
