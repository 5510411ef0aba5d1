// SPDX-License-Identifier: Apache-2.0
// The messages of docs/pre.md, from their description alone: what is read is checked, and throws.

import { createCipheriv, createDecipheriv, hkdfSync, sign, verify } from "node:crypto";
import * as afgh from "./afgh.mjs";

export const MM1 = 1, MM2 = 2, DATA = 3, END = 4;
const SIGNED = 1;
const HDR = 32, SIGNATURE = 64, DIGEST = 32, C1 = 48;

// cid: name for node, octets of key, nonce and tag
const CIPHERS = {
	1: ["aes-128-ccm", 16, 13, 8],
	2: ["aes-128-ccm", 16, 13, 16],
	3: ["aes-128-gcm", 16, 12, 16],
	4: ["aes-256-gcm", 32, 12, 16],
	5: ["chacha20-poly1305", 32, 12, 16],
	6: ["aria-128-ccm", 16, 13, 16],
	7: ["aria-128-gcm", 16, 12, 16],
};

function must(condition, what) {
	if (!condition) throw new Error(what);
}

const u32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32BE(n); return b; };
const lv16 = (b) => { const n = Buffer.alloc(2); n.writeUInt16BE(b.length); return Buffer.concat([n, b]); };
const labelled = (label, ...parts) => Buffer.concat([Buffer.from(`${label}\0`), ...parts]);
const hkdf = (ikm, salt, info, n) => Buffer.from(hkdfSync("sha256", ikm, salt, info, n));

/** Cuts a buffer into parts; size -1 is all that is left but for what follows. */
class Cut {
	constructor(bytes) { this.bytes = bytes; }
	take(n) {
		must(this.bytes.length >= n, "too short");
		const part = this.bytes.subarray(0, n);
		this.bytes = this.bytes.subarray(n);
		return part;
	}
	lv16() { return this.take(this.take(2).readUInt16BE()); }
	end() { must(this.bytes.length === 0, "too long"); }
}

/* ---- header ---- */

export const sourceName = (url) => afgh.sha256(Buffer.from(url)).subarray(0, 16);

export function writeHeader(h, type) {
	const b = Buffer.alloc(HDR);
	b.set([1, 1, type, h.flags]);
	b.writeUInt32BE(h.epoch, 4);
	b.writeUInt16BE(h.stream, 8);
	b.writeUInt16BE(h.keyIndex, 10);
	b.writeUInt16BE(h.cid, 12);
	b.set(h.source, 16);
	return b;
}

export function readHeader(b) {
	const h = { type: b[2], flags: b[3], epoch: b.readUInt32BE(4), stream: b.readUInt16BE(8), keyIndex: b.readUInt16BE(10),
		cid: b.readUInt16BE(12), source: b.subarray(16, 32) };
	must(b[0] === 1 && b[1] === 1 && h.type >= MM1 && h.type <= END && h.flags <= SIGNED && b.readUInt16BE(14) === 0 &&
		h.cid in CIPHERS, "header");
	return h;
}

/* ---- authenticated encryption ---- */

function seal(cid, key, nonce, aad, plain) {
	const [name, , , tag] = CIPHERS[cid];
	const c = createCipheriv(name, key, nonce, { authTagLength: tag });
	c.setAAD(aad, { plaintextLength: plain.length });
	return Buffer.concat([c.update(plain), c.final(), c.getAuthTag()]);
}

function open(cid, key, nonce, aad, sealed) {
	const [name, , , tag] = CIPHERS[cid];
	const n = sealed.length - tag;
	must(n >= 0, "too short for a tag");
	const c = createDecipheriv(name, key, nonce, { authTagLength: tag });
	c.setAuthTag(sealed.subarray(n));
	c.setAAD(aad, { plaintextLength: n });
	return Buffer.concat([c.update(sealed.subarray(0, n)), c.final()]);
}

/* ---- management messages ---- */

const WRAP = 3;	// W is AES-128-GCM whatever the cipher of the data is
export const sessionSize = (cid) => CIPHERS[cid][1];

function wrapping(k, hdr, c1) {
	const okm = hkdf(afgh.gtRaw(k), "M2PRE1", labelled("M2PRE1 kem", hdr, c1), 60);
	return { kw: okm.subarray(0, 16), iv: okm.subarray(16, 28), commit: okm.subarray(28) };
}

/** What follows the header of an MM2; element: C1 and K. */
export function makeMm2(h, { c1, k }, session, key) {
	const hdr = writeHeader(h, MM2);
	const c1Bytes = afgh.pointBytes(c1);
	const { kw, iv, commit } = wrapping(k, hdr, c1Bytes);
	const w = seal(WRAP, kw, iv, Buffer.concat([hdr, c1Bytes, commit]), session);
	const rest = Buffer.concat([c1Bytes, commit, w]);
	return Buffer.concat([rest, sign(null, labelled("M2PRE1 mm2", hdr, rest), key)]);
}

export function readMm(h, rest) {
	const cut = new Cut(rest);
	const m = { h, hdr: writeHeader(h, MM2), c1: cut.take(C1), commit: cut.take(DIGEST), w: cut.take(sessionSize(h.cid) + 16) };
	m.signature = cut.take(SIGNATURE);
	m.kept = rest.subarray(0, rest.length - cut.bytes.length);
	if (h.type === MM1) Object.assign(m, { pkId: cut.take(8), d: cut.take(288) });
	cut.end();
	m.unsigned = Buffer.concat([m.hdr, m.c1, m.commit, m.w]);
	m.chain = afgh.sha256(m.unsigned);
	return m;
}

export const mmGenuine = (m, key) => verify(null, labelled("M2PRE1 mm2", m.unsigned), key, m.signature);
export const pkId = (pk2) => afgh.sha256(Buffer.from("M2PRE1 pk"), afgh.pointBytes(pk2)).subarray(0, 8);

/** What follows the header of the MM1 of m. */
export function makeMm1(m, id, rk) {
	return Buffer.concat([m.kept, id, afgh.gtBytes(afgh.reencrypt(afgh.readG1(m.c1), rk))]);
}

export function openMm(m, k) {
	const { kw, iv, commit } = wrapping(k, m.hdr, m.c1);
	must(commit.equals(m.commit), "commitment");
	return open(WRAP, kw, iv, Buffer.concat([m.hdr, m.c1, commit]), m.w);
}

/* ---- data ---- */

function dataKeys(h, session) {
	const [, key, iv] = CIPHERS[h.cid];
	const okm = hkdf(session, "M2PRE1 data", writeHeader(h, DATA), key + iv);
	return { key: okm.subarray(0, key), iv: okm.subarray(key) };
}

function dataParts(h, session, msgId, seq) {
	const { key, iv } = dataKeys(h, session);
	const hdr = writeHeader(h, DATA);
	const nonce = Buffer.from(iv);
	nonce.writeUInt32BE((nonce.readUInt32BE(nonce.length - 4) ^ seq) >>> 0, nonce.length - 4);
	const aad = Buffer.concat([u32(msgId), hdr.subarray(8, 12), hdr.subarray(4, 8), h.source, u32(seq)]);
	return { key, nonce, aad };
}

const chainPart = (aad, body) => afgh.sha256(aad, body);
export const chainNext = (chain, part) => afgh.sha256(chain, part);

export function makeData(h, session, msgId, seq, plain, signer) {
	const { key, nonce, aad } = dataParts(h, session, msgId, seq);
	const body = Buffer.concat([u32(seq), seal(h.cid, key, nonce, aad, plain)]);
	const signature = h.flags & SIGNED ? sign(null, labelled("M2PRE1 data", aad, body), signer) : Buffer.alloc(0);
	return { rest: Buffer.concat([body, signature]), part: chainPart(aad, body) };
}

export function openData(h, session, msgId, rest, verifier) {
	const body = h.flags & SIGNED ? rest.subarray(0, Math.max(rest.length - SIGNATURE, 0)) : rest;
	must(body.length >= 4, "no seq");
	const seq = body.readUInt32BE();
	const { key, nonce, aad } = dataParts(h, session, msgId, seq);
	if (h.flags & SIGNED)
		must(verify(null, labelled("M2PRE1 data", aad, body), verifier, rest.subarray(body.length)), "signature of data");
	return { seq, plain: open(h.cid, key, nonce, aad, body.subarray(4)), part: chainPart(aad, body) };
}

/* ---- end of a section ---- */

export function makeEnd(h, { count, chain, prev }, key) {
	const rest = Buffer.concat([u32(count), chain, prev]);
	return Buffer.concat([rest, sign(null, labelled("M2PRE1 end", writeHeader(h, END), rest), key)]);
}

export function readEnd(h, rest, key) {
	const cut = new Cut(rest);
	const e = { count: cut.take(4).readUInt32BE(), chain: cut.take(DIGEST), prev: cut.take(DIGEST) };
	const signed = labelled("M2PRE1 end", writeHeader(h, END), rest.subarray(0, 4 + 2 * DIGEST));
	must(verify(null, signed, key, cut.take(SIGNATURE)), "signature of END");
	cut.end();
	return e;
}

/* ---- units, each behind its length ---- */

export function writeUnit(h, type, msgId, url, sink, rest) {
	const unit = Buffer.concat([writeHeader(h, type), u32(msgId), lv16(Buffer.from(url)), lv16(Buffer.from(sink)), rest]);
	return Buffer.concat([u32(unit.length), unit]);
}

export function* readUnits(bytes) {
	const batch = new Cut(bytes);
	while (batch.bytes.length > 0) {
		const unit = new Cut(batch.take(batch.take(4).readUInt32BE()));
		const h = readHeader(unit.take(HDR));
		const u = { h, msgId: unit.take(4).readUInt32BE(), url: unit.lv16().toString(), sink: unit.lv16().toString() };
		must(sourceName(u.url).equals(h.source), "name of the source");
		u.rest = unit.bytes;
		yield u;
	}
}
