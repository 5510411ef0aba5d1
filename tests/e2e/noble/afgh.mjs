// SPDX-License-Identifier: Apache-2.0
// AFGH on BLS12-381 with @noble/curves: the scheme of common/pre/afgh.h, from its description alone.
// For tests: nothing here is constant in time.

import { createHash, hkdfSync, randomBytes } from "node:crypto";
import { bls12_381 as bls } from "@noble/curves/bls12-381.js";

const { Fr, Fp, Fp6, Fp12 } = bls.fields;
const G1 = bls.G1.Point;
const G2 = bls.G2.Point;
const COEFFICIENT = 48;

export const g = G1.BASE;
export const h = G2.BASE;
export const order = Fr.ORDER;
export const Z = bls.pairing(g, h);

export const sha256 = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();

function refuse(condition, why) {
	if (condition) throw new Error(why);
}

const toInteger = (bytes) => BigInt("0x" + Buffer.from(bytes).toString("hex"));
const toBytes = (n, size) => Buffer.from(n.toString(16).padStart(2 * size, "0"), "hex");

/* ---- encodings ---- */

export const scalarBytes = (s) => toBytes(s, 32);

export function readScalar(bytes) {
	const s = toInteger(bytes);
	refuse(bytes.length !== 32 || s === 0n || s >= order, "scalar");
	return s;
}

export const randomScalar = () => toInteger(randomBytes(48)) % order;
export const pointBytes = (p) => Buffer.from(p.toBytes(true));

function readPoint(group, size, bytes) {
	refuse(bytes.length !== size, "length of a point");
	const p = group.fromBytes(bytes);
	refuse(p.is0(), "infinity");
	p.assertValidity();
	refuse(!p.isTorsionFree(), "subgroup");
	return p;
}

export const readG1 = (bytes) => readPoint(G1, 48, bytes);
export const readG2 = (bytes) => readPoint(G2, 96, bytes);

const ofFp6 = (x) => [x.c0, x.c1, x.c2].flatMap((y) => [y.c0, y.c1]);
const fp6Bytes = (x) => Buffer.concat(ofFp6(x).map((c) => toBytes(c, COEFFICIENT)));

/** All twelve coefficients, in the order of the tower. */
export const gtRaw = (x) => Buffer.concat([fp6Bytes(x.c0), fp6Bytes(x.c1)]);

/** The torus: (1 + a) / b of a + b w. */
export const gtBytes = (x) => fp6Bytes(Fp6.mul(Fp6.add(Fp6.ONE, x.c0), Fp6.inv(x.c1)));

export function readGt(bytes) {
	refuse(bytes.length !== 6 * COEFFICIENT, "length of an element of GT");
	const v = [];
	for (let i = 0; i < 6; i++) {
		v.push(toInteger(bytes.subarray(i * COEFFICIENT, (i + 1) * COEFFICIENT)));
		refuse(v[i] >= Fp.ORDER, "coefficient");
	}
	const c = { c0: { c0: v[0], c1: v[1] }, c1: { c0: v[2], c1: v[3] }, c2: { c0: v[4], c1: v[5] } };
	const t = { c0: c, c1: Fp6.ONE };
	const x = Fp12.mul(t, Fp12.inv(Fp12.conjugate(t)));
	refuse(Fp12.eql(x, Fp12.ONE) || !Fp12.eql(Fp12.pow(x, order), Fp12.ONE), "group of GT");
	return x;
}

export const gtPower = (x, n) => Fp12.pow(x, n);
export const gtMultiply = (x, y) => Fp12.mul(x, y);

/* ---- the scheme ---- */

/** KeyGen of draft-irtf-cfrg-bls-signature-04. */
function keyGen(ikm, info) {
	const length = Buffer.from([0, 48]);
	let salt = Buffer.from("BLS-SIG-KEYGEN-SALT-");
	for (;;) {
		salt = sha256(salt);
		const okm = hkdfSync("sha256", Buffer.concat([ikm, Buffer.from([0])]), salt, Buffer.concat([info, length]), 48);
		const s = toInteger(Buffer.from(okm)) % order;
		if (s !== 0n) return s;
	}
}

export function epochSecret(seed, source, stream, epoch) {
	const id = Buffer.alloc(6);
	id.writeUInt16BE(stream, 0);
	id.writeUInt32BE(epoch, 2);
	return keyGen(seed, Buffer.concat([Buffer.from("M2PRE1 a1"), source, id]));
}

export const publicFirst = (a1) => gtPower(Z, a1);
export const publicSecond = (a2) => h.multiply(a2);

/** (1); base is Z^a1. r is given for known answers only. */
export function encrypt(base, r = randomScalar()) {
	return { c1: g.multiply(r), k: gtPower(base, r) };
}

export const rekey = (a1, pk2) => pk2.multiply(a1); // (2)
export const reencrypt = (c1, rk) => bls.pairing(c1, rk); // (3)
export const decryptFirst = (d, b2) => gtPower(d, Fr.inv(b2)); // (4)
export const decryptSecond = (c1, a1) => bls.pairing(c1.multiply(a1), h);
