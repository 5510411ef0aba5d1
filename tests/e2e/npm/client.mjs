// SPDX-License-Identifier: Apache-2.0
// What the npm package coap does with a server: node client.mjs coap://HOST:PORT PATH OBSERVED. PATH takes contentInstances,
// OBSERVED is what is watched. Prints one JSON line per step; ends when it has seen the instance "npm end" there.
import coap from 'coap'

const [base, place, observed] = process.argv.slice(2)
const url = new URL(base)
const who = 'RequestingEntity=http://127.0.0.1/npm'
const NS = 'xmlns:m2m="http://uri.etsi.org/m2m" xmlns:xmime="http://www.w3.org/2005/05/xmlmime"'

function instance(text, id) {
	return `<m2m:contentInstance ${NS} m2m:id="${id}"><m2m:content xmime:contentType="text/plain"><m2m:textContent>${text}` +
		'</m2m:textContent></m2m:content></m2m:contentInstance>'
}

function say(step, more) {
	process.stdout.write(JSON.stringify({ step, ...more }) + '\n')
}

function ask(method, pathname, { body, options = {}, observe = false } = {}) {
	const request = coap.request({ hostname: url.hostname, port: Number(url.port), method, pathname, query: who, observe })
	for (const [name, value] of Object.entries(options)) request.setOption(name, value)
	return new Promise((resolve, reject) => {
		request.on('response', resolve)
		request.on('error', reject)
		request.end(body)
	})
}

function location(response) {
	return '/' + response.options.filter((o) => o.name === 'Location-Path').map((o) => o.value.toString()).join('/')
}

async function step(name, method, pathname, more) {
	const response = await ask(method, pathname, more)
	say(name, { code: response.code, location: location(response), size: response.payload.length,
		payload: response.payload.toString().slice(-400) })
	return response
}

const XML = { 'Content-Format': 'application/xml' }
const made = await step('create', 'POST', place, { body: instance('npm one', 'one'), options: XML })
await step('read', 'GET', location(made))
await step('absent', 'GET', place + '/none')
const large = instance('npm large ' + 'n'.repeat(5000), 'large')
const block1 = { ...XML, Block1: Buffer.from([0x05]) }
await step('create in blocks', 'POST', place, { body: large, options: block1 })
// The package forgets the options of all blocks of an answer but the last.
await step('read in blocks', 'GET', place + '/large')
await step('delete', 'DELETE', location(made))

const watched = await ask('GET', observed, { observe: true })
watched.on('data', (data) => {
	say('observed', { payload: data.toString().slice(-400) })
	if (data.toString().includes('npm end')) process.exit(0)
})
