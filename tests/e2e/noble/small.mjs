// SPDX-License-Identifier: Apache-2.0
// Small data with @noble/curves: bundles of common/sd/bundle.h, signatures of bls.h and ibas.h, from their description alone.
//   small.mjs kat           the known answers of the unit tests
//   small.mjs make ALG N    a bundle of N devices and the public keys that it is verified with, a line each
//   small.mjs verify        such lines of standard input: exit status 0, or 3: it is not right
// For tests: nothing here is constant in time.

import { createHash, createPublicKey, generateKeyPairSync, randomBytes, sign, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { bls12_381 as bls } from "@noble/curves/bls12-381.js";
import { order, pointBytes, randomScalar, readG1, readG2, sha256 } from "./afgh.mjs";

const { Fp12 } = bls.fields;
const h = bls.G2.Point.BASE;
const SUITE = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
const PROOF = "BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
const MILLIS = 1700000000000n;
const MONTH = "202311";
const hash = (message, tag) => bls.G1.hashToCurve(message, { DST: Buffer.from(tag) });
const sum = (points) => points.reduce((a, b) => a.add(b));
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const toInteger = (bytes) => BigInt("0x" + hex(bytes));

function number(v, size) {
	return Buffer.from(BigInt(v).toString(16).padStart(2 * size, "0"), "hex");
}

/** A reading as it is in a bundle. */
const record = (r) => Buffer.concat([r.device, number(r.seq, 8), number(r.millis, 8), number(r.payload.length, 2), r.payload]);
const message = (r) => Buffer.concat([Buffer.from("MSD1"), record(r)]);
const domained = (r) => Buffer.concat([Buffer.from("M2M-SD-v1\0"), message(r)]);
const device = (i) => Buffer.concat([Buffer.from("01bcad98", "hex"), Buffer.alloc(11), number(i, 1)]);
const reading = (i) => ({ device: device(i), seq: 10 + i, millis: MILLIS + BigInt(i), payload: Buffer.from(`reading ${i}`) });

/* ---- the schemes ---- */

const signed = (r, x) => hash(message(r), SUITE).multiply(x);
const proof = (pk, x) => hash(pk, PROOF).multiply(x);

/** Whether the product of e(p, q) of all pairs is 1. */
const isOne = (pairs) => Fp12.eql(bls.pairingBatch(pairs.map(([g1, g2]) => ({ g1, g2 }))), Fp12.ONE);

const verifyBls = (readings, keys, s) =>
	isOne([[s.negate(), h], ...readings.map((r, i) => [hash(message(r), SUITE), keys[i]])]);

const id = (r) => Buffer.from(hex(r.device) + MONTH);
const identity = (r, j) => hash(Buffer.concat([number(id(r).length, 1), id(r), number(j, 1)]), "M2M-IBAS-H1");
const round = (w) => hash(w, "M2M-IBAS-H2");

function challenge(w, r) {
	const digest = sha256(Buffer.from("M2M-IBAS-H3"), w, number(id(r).length, 1), id(r), message(r));
	return toInteger(digest.subarray(0, 16));
}

function signIdentity(s, w, r) {
	const x = randomScalar();
	const key = [0, 1].map((j) => identity(r, j).multiply(s));
	return [sum([round(w).multiply(x), key[0], key[1].multiply(challenge(w, r))]), h.multiply(x)];
}

function verifyIdentity(readings, q, w, s, t) {
	const all = sum(readings.flatMap((r) => [identity(r, 0), identity(r, 1).multiply(challenge(w, r))]));
	return isOne([[s.negate(), h], [round(w), t], [all, q]]);
}

/* ---- bundles ---- */

function bundle(alg, readings, part) {
	const records = Buffer.concat(readings.map(record));
	return Buffer.concat([Buffer.from("MSB1"), Buffer.from([alg, 0]), number(readings.length, 2),
		number(36 + records.length + part.length, 4), Buffer.alloc(16), Buffer.alloc(8), records, part]);
}

function parse(octets) {
	const out = { alg: octets[4], readings: [] };
	let at = 36;
	for (let i = octets.readUInt16BE(6); i > 0; i--) {
		const n = octets.readUInt16BE(at + 32);
		out.readings.push({ device: octets.subarray(at, at + 16), seq: octets.readBigUInt64BE(at + 16),
			millis: octets.readBigUInt64BE(at + 24), payload: octets.subarray(at + 34, at + 34 + n) });
		at += 34 + n;
	}
	if (octets.toString("latin1", 0, 4) !== "MSB1" || octets.readUInt32BE(8) !== octets.length) throw new Error("bundle");
	out.part = octets.subarray(at);
	return out;
}

const pieces = (octets, size) => Array.from({ length: octets.length / size }, (_, i) => octets.subarray(i * size, (i + 1) * size));
const publicKey = (raw) => createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") }, format: "jwk" });

function make(alg, n) {
	const readings = Array.from({ length: n }, (_, i) => reading(i + 1));
	const secrets = readings.map(randomScalar);
	const pairs = readings.map(() => generateKeyPairSync("ed25519"));
	const singles = readings.map((r, i) => signed(r, secrets[i]));
	const s = randomScalar();
	const w = Buffer.concat([number(MILLIS, 8), randomBytes(8)]);
	const both = readings.map((r) => signIdentity(s, w, r));
	const parts = {
		1: () => Buffer.concat(readings.map((r, i) => sign(null, domained(r), pairs[i].privateKey))),
		2: () => pointBytes(sum(singles)),
		3: () => Buffer.concat(singles.map(pointBytes)),
		4: () => Buffer.concat([w, pointBytes(sum(both.map((x) => x[0]))), pointBytes(sum(both.map((x) => x[1])))]),
	};
	console.log(`bundle ${hex(bundle(alg, readings, parts[alg]()))}`);
	console.log(`generator ${hex(pointBytes(h.multiply(s)))}`);
	secrets.forEach((x, i) => {
		const pk = pointBytes(h.multiply(x));
		const raw = Buffer.from(pairs[i].publicKey.export({ format: "jwk" }).x, "base64url");
		console.log(`device ${hex(raw)} ${hex(pk)} ${hex(pointBytes(proof(pk, x)))}`);
	});
}

function right() {
	const lines = readFileSync(0, "latin1").trim().split("\n").map((line) => line.split(" "));
	const octets = (name) => lines.filter((l) => l[0] === name).map((l) => l.slice(1).map((x) => Buffer.from(x, "hex")));
	const { alg, readings, part } = parse(octets("bundle")[0][0]);
	const devices = octets("device");
	const keys = devices.map((d) => readG2(d[1]));
	const proven = devices.every((d, i) => isOne([[readG1(d[2]).negate(), h], [hash(d[1], PROOF), keys[i]]]));
	const checks = {
		1: () => pieces(part, 64).every((s, i) => verify(null, domained(readings[i]), publicKey(devices[i][0]), s)),
		2: () => verifyBls(readings, keys, readG1(part)),
		3: () => pieces(part, 48).every((s, i) => verifyBls([readings[i]], [keys[i]], readG1(s))),
		4: () => verifyIdentity(readings, readG2(octets("generator")[0][0]), part.subarray(0, 16), readG1(part.subarray(16, 64)),
			readG2(part.subarray(64))),
	};
	return proven && checks[alg]();
}

function kat() {
	const x = [1, 2, 3].map((i) => toInteger(createHash("sha256").update(`m2m bls sk ${i}`).digest()) % order);
	const pk = pointBytes(h.multiply(x[0]));
	const singles = x.map((s, i) => signed(reading(i + 1), s));
	return { M_1: hex(message(reading(1))), pk_1: hex(pk), pop_1: hex(pointBytes(proof(pk, x[0]))),
		sig_1: hex(pointBytes(singles[0])), sig_2: hex(pointBytes(singles[1])), sig_3: hex(pointBytes(singles[2])),
		agg: hex(pointBytes(sum(singles))) };
}

const [command, alg, n] = process.argv.slice(2);
if (command === "make") make(Number(alg), Number(n));
else if (command === "kat") console.log(JSON.stringify(kat()));
else process.exit(right() ? 0 : 3);
