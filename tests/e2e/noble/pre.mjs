// SPDX-License-Identifier: Apache-2.0
// What m2m-pre does, by another implementation: each party of a test may be one or the other.
//
// node pre.mjs keygen URL NAME
// node pre.mjs encrypt OUT OPTIONS     {key, url, stream, cid, flags, section, epochLength, individual, to, messages}
// node pre.mjs rekey OUT OPTIONS       {key, url, to, stream, epochs}
// node pre.mjs reencrypt OUT OPTIONS   {rk, source, input, sink}
// node pre.mjs decrypt OUT OPTIONS     {key, source, input, as}
//
// OPTIONS is JSON; messages and what decrypt writes are JSON lists of base64.

import { randomBytes, randomInt } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import * as afgh from "./afgh.mjs";
import * as files from "./files.mjs";
import * as m from "./messages.mjs";

function must(condition, what) {
	if (!condition) throw new Error(what);
}

function keygen(url, name) {
	const key = { a1: afgh.randomScalar(), a2: afgh.randomScalar(), seed: randomBytes(32), ed: randomBytes(32) };
	files.writeSecret(`${name}.key`, key);
	files.writePublic(`${name}.pub`, url, { sign: files.publicOf(files.privateKey(key.ed)) });
	files.writePublic(`${name}.pk1`, url, { pk1: afgh.gtBytes(afgh.publicFirst(key.a1)) });
	files.writePublic(`${name}.pk2`, url, { pk2: afgh.pointBytes(afgh.publicSecond(key.a2)) });
}

const someId = () => randomInt(2 ** 32);

/** One section as units, and the chain value of its END. */
function section(o, h, base, signer, messages, prev) {
	const session = randomBytes(m.sessionSize(h.cid));
	const rest = m.makeMm2(h, afgh.encrypt(base), session, signer);
	const unit = (type, id, content) => m.writeUnit(h, type, id, o.url, o.sink ?? "", content);
	const units = [unit(m.MM2, someId(), rest)];
	let chain = m.readMm({ ...h, type: m.MM2 }, rest).chain;
	messages.forEach((plain, seq) => {
		const id = someId();
		const made = m.makeData(h, session, id, seq, Buffer.from(plain, "base64"), signer);
		chain = m.chainNext(chain, made.part);
		units.push(unit(m.DATA, id, made.rest));
	});
	if (!o.individual) units.push(unit(m.END, someId(), m.makeEnd(h, { count: messages.length, chain, prev }, signer)));
	return { units, chain };
}

function encrypt(out, o) {
	const key = files.readSecret(o.key);
	const signer = files.privateKey(key.ed);
	const source = m.sourceName(o.url);
	const units = [];
	let prev = Buffer.alloc(32);
	for (let at = 0, keyIndex = 0; at < o.messages.length; at += o.section, keyIndex++) {
		const epoch = Math.floor(keyIndex / o.epochLength);
		const h = { flags: o.flags, epoch, stream: o.stream, keyIndex, cid: o.cid, source };
		const base = o.to ? afgh.readGt(files.readPublic(o.to).pk1)
			: afgh.publicFirst(afgh.epochSecret(key.seed, source, o.stream, epoch));
		const made = section(o, h, base, signer, o.messages.slice(at, at + o.section), prev);
		units.push(...made.units);
		prev = made.chain;
	}
	writeFileSync(out, Buffer.concat(units));
}

function rekey(out, o) {
	const key = files.readSecret(o.key);
	const pk2 = afgh.readG2(files.readPublic(o.to).pk2);
	const source = m.sourceName(o.url);
	files.writeRekeys(out, o.epochs.map((epoch) => ({ source, stream: o.stream, epoch, pkId: m.pkId(pk2),
		rk: afgh.rekey(afgh.epochSecret(key.seed, source, o.stream, epoch), pk2) })));
}

function reencrypt(out, o) {
	const keys = files.readRekeys(o.rk);
	const source = files.publicKey(files.readPublic(o.source).sign);
	const units = [];
	for (const u of m.readUnits(readFileSync(o.input))) {
		let { type } = u.h;
		let { rest, sink } = u;
		if (type === m.MM2) {
			const mm = m.readMm(u.h, rest);
			must(m.mmGenuine(mm, source), "signature");
			const k = keys.find((r) => r.source.equals(u.h.source) && r.stream === u.h.stream && r.epoch === u.h.epoch);
			must(k, "no key for the epoch");
			[type, rest, sink] = [m.MM1, m.makeMm1(mm, k.pkId, k.rk), o.sink ?? sink];
		}
		units.push(m.writeUnit(u.h, type, u.msgId, u.url, sink, rest));
	}
	writeFileSync(out, Buffer.concat(units));
}

/** K of a management message: as sink, owner or addressee. */
function elementOf(mm, key, as) {
	if (as === "sink") {
		must(mm.h.type === m.MM1 && m.pkId(afgh.publicSecond(key.a2)).equals(mm.pkId), "not for this sink");
		return afgh.decryptFirst(afgh.readGt(mm.d), key.a2);
	}
	const a1 = as === "owner" ? afgh.epochSecret(key.seed, mm.h.source, mm.h.stream, mm.h.epoch) : key.a1;
	return afgh.decryptSecond(afgh.readG1(mm.c1), a1);
}

function decrypt(out, o) {
	const key = files.readSecret(o.key);
	const known = files.readPublic(o.source);
	const source = files.publicKey(known.sign);
	const plains = [];
	let open = null;
	let prev = Buffer.alloc(32);
	for (const u of m.readUnits(readFileSync(o.input))) {
		must(u.url === known.url, "another source");
		if (u.h.type === m.MM1 || u.h.type === m.MM2) {
			must(!open || o.individual, "a section without END");
			const mm = m.readMm(u.h, u.rest);
			must(m.mmGenuine(mm, source), "signature");
			open = { session: m.openMm(mm, elementOf(mm, key, o.as)), chain: mm.chain, seq: 0 };
		} else if (u.h.type === m.DATA) {
			const d = m.openData(u.h, open.session, u.msgId, u.rest, source);
			must(d.seq === open.seq++, "order");
			open.chain = m.chainNext(open.chain, d.part);
			plains.push(d.plain.toString("base64"));
		} else {
			const end = m.readEnd(u.h, u.rest, source);
			must(end.count === open.seq && end.chain.equals(open.chain) && end.prev.equals(prev), "chain");
			[prev, open] = [end.chain, null];
		}
	}
	must(!open || o.individual, "the last section has no END");
	writeFileSync(out, JSON.stringify(plains));
}

const COMMANDS = { encrypt, rekey, reencrypt, decrypt };
const [command, first, second] = process.argv.slice(2);
if (command === "keygen") keygen(first, second);
else COMMANDS[command](first, JSON.parse(second));
