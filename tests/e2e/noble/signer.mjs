// SPDX-License-Identifier: Apache-2.0
// Devices that sign small data with @noble/curves, for whoever speaks to their daemon: a line of JSON in, one out, octets in hex.
//   {op: "key", secret}                pk, pop
//   {op: "sign", secret, messages}     signatures
//   {op: "sum", signatures}            one point of G1
//   {op: "rogue", secret, victim}      pk' = pk / victim, and a proof by secret that is none for it
//   {op: "odd"}                        encodings that are none of a key or signature: g1 and g2, by name
//   {op: "outside", secret, messages}  pk and signatures with a part outside the subgroup that no pairing shows, and the proof for pk
//   {op: "identity", key, q, id, w, messages}   S and T of each; key: K_0 | K_1, checked against q
//   {op: "sums", signatures}           S and T of all
// For tests: nothing here is constant in time.

import { createInterface } from "node:readline";
import { bls12_381 as bls } from "@noble/curves/bls12-381.js";
import { order, pointBytes, randomScalar, readG1, readG2, sha256 } from "./afgh.mjs";

const { Fp, Fp2, Fp12 } = bls.fields;
const { G1, G2 } = bls;
const h = G2.Point.BASE;
const SUITE = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
const PROOF = "BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
const hash = (message, tag) => G1.hashToCurve(message, { DST: Buffer.from(tag) });
const sum = (points) => points.reduce((a, b) => a.add(b));
const octets = (text) => Buffer.from(text, "hex");
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const scalar = (text) => BigInt("0x" + text) % order;
const isOne = (pairs) => Fp12.eql(bls.pairingBatch(pairs.map(([g1, g2]) => ({ g1, g2 }))), Fp12.ONE);

function key({ secret }) {
	const pk = pointBytes(h.multiply(scalar(secret)));
	return { pk: hex(pk), pop: hex(pointBytes(hash(pk, PROOF).multiply(scalar(secret)))) };
}

const sign = ({ secret, messages }) =>
	({ signatures: messages.map((m) => hex(pointBytes(hash(octets(m), SUITE).multiply(scalar(secret))))) });

const total = ({ signatures }) => ({ sum: hex(pointBytes(sum(signatures.map((s) => readG1(octets(s)))))) });

function rogue({ secret, victim }) {
	const pk = pointBytes(h.multiply(scalar(secret)).subtract(readG2(octets(victim))));
	return { pk: hex(pk), pop: hex(pointBytes(hash(pk, PROOF).multiply(scalar(secret)))) };
}

/** A point of the curve that is not in the subgroup: by its x alone, from 1 on. */
function outside(group, field, make) {
	for (let i = 1n; ; i++) {
		const x = make(i);
		let y;
		try {
			const b = group === G1 ? field.create(4n) : Fp2.fromBigTuple([4n, 4n]);
			y = field.sqrt(field.add(field.mul(field.sqr(x), x), b));
		} catch { continue; }
		const p = group.Point.fromAffine({ x, y });
		if (!p.isTorsionFree()) return p;
	}
}

/** Its encoding, of which the library makes none. */
function raw(p) {
	const { x, y } = p.toAffine();
	const parts = typeof x === "bigint" ? [x] : [x.c1, x.c0];
	const upper = typeof y === "bigint" ? y : y.c1 !== 0n ? y.c1 : y.c0;
	const bytes = Buffer.concat(parts.map((n) => octets(n.toString(16).padStart(96, "0"))));
	bytes[0] |= 0x80 | (2n * upper > Fp.ORDER ? 0x20 : 0);
	return bytes;
}

const outside1 = () => outside(G1, Fp, (i) => i);
const outside2 = () => outside(G2, Fp2, (i) => Fp2.fromBigTuple([i, 0n]));

/** What of a point has no part in the subgroup: no pairing shows it. */
const cofactor = (p) => p.multiplyUnsafe(order - 1n).add(p);

function mixed({ secret, messages }) {
	const t1 = cofactor(outside1());
	const pk = raw(h.multiply(scalar(secret)).add(cofactor(outside2())));
	return { pk: hex(pk), pop: hex(pointBytes(hash(pk, PROOF).multiply(scalar(secret)))),
		signatures: messages.map((m) => hex(raw(hash(octets(m), SUITE).multiply(scalar(secret)).add(t1)))) };
}

function flags(text, mask) {
	const bytes = octets(text);
	bytes[0] ^= mask;
	return hex(bytes);
}

/** x + p in the place of x, which is another encoding of the same point: the flags stay. */
function unreduced(text) {
	const bytes = octets(text);
	const top = bytes[0] & 0xe0;
	const x = BigInt("0x" + hex(Buffer.concat([Buffer.from([bytes[0] & 0x1f]), bytes.subarray(1, 48)]))) + Fp.ORDER;
	if (x >= 1n << 381n) return null;
	const out = Buffer.concat([octets(x.toString(16).padStart(96, "0")), bytes.subarray(48)]);
	out[0] |= top;
	return hex(out);
}

/** A point whose x leaves room for p: of an own key, as all keys here are. */
function roomy(make) {
	for (let i = 0; ; i++) {
		const text = make(i);
		const other = unreduced(text);
		if (other !== null) return other;
	}
}

function odd() {
	const g1 = hex(pointBytes(G1.Point.BASE)), g2 = hex(pointBytes(h));
	return {
		g1: { subgroup: hex(raw(outside1())), neutral: "c0" + "00".repeat(47), uncompressed: flags(g1, 0x80),
			infinity: flags(g1, 0x40), unreduced: roomy((i) => hex(pointBytes(G1.Point.BASE.multiply(BigInt(i + 1))))) },
		g2: { subgroup: hex(raw(outside2())), neutral: "c0" + "00".repeat(95),
			uncompressed: flags(g2, 0x80), infinity: flags(g2, 0x40),
			unreduced: roomy((i) => hex(pointBytes(h.multiply(BigInt(i + 1))))) },
	};
}

const LV8 = (bytes) => Buffer.concat([Buffer.from([bytes.length]), bytes]);

function identity({ key: text, q, id, w, messages }) {
	const name = LV8(Buffer.from(id));
	const keys = [readG1(octets(text.slice(0, 96))), readG1(octets(text.slice(96)))];
	const points = [0, 1].map((j) => hash(Buffer.concat([name, Buffer.from([j])]), "M2M-IBAS-H1"));
	const good = keys.every((k, j) => isOne([[k.negate(), h], [points[j], readG2(octets(q))]]));
	return { good, signatures: messages.map((m) => {
		const x = randomScalar();
		const c = BigInt("0x" + hex(sha256(Buffer.from("M2M-IBAS-H3"), octets(w), name, octets(m)).subarray(0, 16)));
		const s = sum([hash(octets(w), "M2M-IBAS-H2").multiply(x), keys[0], keys[1].multiply(c)]);
		return hex(pointBytes(s)) + hex(pointBytes(h.multiply(x)));
	}) };
}

const sums = ({ signatures }) => ({ sum: hex(pointBytes(sum(signatures.map((s) => readG1(octets(s.slice(0, 96))))))) +
	hex(pointBytes(sum(signatures.map((s) => readG2(octets(s.slice(96))))))) });

const operations = { key, sign, sum: total, rogue, odd, outside: mixed, identity, sums };

for await (const line of createInterface({ input: process.stdin })) {
	const request = JSON.parse(line);
	process.stdout.write(JSON.stringify(operations[request.op](request)) + "\n");
}
