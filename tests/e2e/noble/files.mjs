// SPDX-License-Identifier: Apache-2.0
// Key files: blocks of hexadecimal digits.

import { readFileSync, writeFileSync } from "node:fs";
import { createPrivateKey, createPublicKey } from "node:crypto";
import * as afgh from "./afgh.mjs";

const VERSION = Buffer.from([1, 1]);
const CHECK = 8;
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI = Buffer.from("302a300506032b6570032100", "hex");

export const privateKey = (seed) => createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: "der", type: "pkcs8" });
export const publicKey = (bytes) => createPublicKey({ key: Buffer.concat([SPKI, bytes]), format: "der", type: "spki" });
export const publicOf = (key) => createPublicKey(key).export({ format: "der", type: "spki" }).subarray(SPKI.length);

const check = (kind, bytes) => afgh.sha256(Buffer.from(kind), bytes).subarray(0, CHECK);

function writeBlock(kind, content) {
	const bytes = Buffer.concat([VERSION, content]);
	const digits = Buffer.concat([bytes, check(kind, bytes)]).toString("hex");
	return `-----BEGIN M2PRE ${kind}-----\n${digits.match(/.{1,64}/g).join("\n")}\n-----END M2PRE ${kind}-----\n`;
}

function readBlocks(kind, path) {
	const blocks = readFileSync(path, "ascii").matchAll(/-----BEGIN M2PRE ([A-Z -]+)-----\n([0-9a-f\n]+)-----END M2PRE \1-----\n/g);
	return [...blocks].map(([, found, digits]) => {
		const bytes = Buffer.from(digits.replace(/\n/g, ""), "hex");
		const content = bytes.subarray(0, bytes.length - CHECK);
		if (found !== kind || !content.subarray(0, 2).equals(VERSION) || !check(kind, content).equals(bytes.subarray(-CHECK)))
			throw new Error(`${path} is not a ${kind}`);
		return content.subarray(2);
	});
}

/* ---- secret keys ---- */

export function writeSecret(path, { a1, a2, seed, ed }) {
	const content = Buffer.concat([afgh.scalarBytes(a1), afgh.scalarBytes(a2), seed, ed]);
	writeFileSync(path, writeBlock("SECRET KEY", content), { mode: 0o600 });
}

export function readSecret(path) {
	const [b] = readBlocks("SECRET KEY", path);
	if (b.length !== 128) throw new Error(`${path}: length`);
	return { a1: afgh.readScalar(b.subarray(0, 32)), a2: afgh.readScalar(b.subarray(32, 64)), seed: b.subarray(64, 96),
		ed: b.subarray(96) };
}

/* ---- public keys ---- */

const PARTS = [["pk1", 288], ["pk2", 96], ["sign", 32]];

/** keys: some of pk1, pk2, sign, as octets. */
export function writePublic(path, url, keys) {
	const name = Buffer.from(url);
	const head = Buffer.alloc(3);
	PARTS.forEach(([part], i) => { if (part in keys) head[0] |= 1 << i; });
	head.writeUInt16BE(name.length, 1);
	const content = PARTS.filter(([part]) => part in keys).map(([part]) => keys[part]);
	writeFileSync(path, writeBlock("PUBLIC KEY", Buffer.concat([head, name, ...content])));
}

export function readPublic(path) {
	const [b] = readBlocks("PUBLIC KEY", path);
	let at = 3 + b.readUInt16BE(1);
	const found = { url: b.subarray(3, at).toString() };
	PARTS.forEach(([part, size], i) => {
		if (b[0] & (1 << i)) found[part] = b.subarray(at, at += size);
	});
	if (at !== b.length) throw new Error(`${path}: length`);
	return found;
}

/* ---- re-encryption keys ---- */

export function writeRekeys(path, keys) {
	const text = keys.map(({ source, stream, epoch, pkId, rk }) => {
		const id = Buffer.alloc(6);
		id.writeUInt16BE(stream, 0);
		id.writeUInt32BE(epoch, 2);
		return writeBlock("RE-ENCRYPTION KEY", Buffer.concat([source, id, pkId, afgh.pointBytes(rk)]));
	});
	writeFileSync(path, text.join(""), { mode: 0o600 });
}

export function readRekeys(path) {
	return readBlocks("RE-ENCRYPTION KEY", path).map((b) => ({ source: b.subarray(0, 16), stream: b.readUInt16BE(16),
		epoch: b.readUInt32BE(18), pkId: b.subarray(22, 30), rk: afgh.readG2(b.subarray(30)) }));
}
