\\ SPDX-License-Identifier: Apache-2.0
\\ The pairing of BLS12-381 from the textbook (optimal ate, Vercauteren, "Optimal pairings", 2010), in affine
\\ coordinates over Fp[w]/(w^12 - 2 w^6 + 2), where u = w^6 - 1 and v = w^2: no tower, no projective formula, no
\\ fast final exponentiation, hence nothing that this project's provider of the pairing has in common with it.
\\ kat(a1, b2, r, m) prints the known answers of AFGH, a line "name hexadecimal" each.

z = -0xd201000000010000;
r0 = z^4 - z^2 + 1;
p = (z - 1)^2 * r0 / 3 + z;

w = ffgen((x^12 - 2*x^6 + 2) * Mod(1, p), 'w);
i2 = ffgen((x^2 + 1) * Mod(1, p), 'u);
one = w^0;
u = w^6 - one;

E1 = ellinit([0, 4], p);
E2 = ellinit([0, 4*(1 + i2)], i2);

\\ The standard generators.
{ g = [0x17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb,
	0x08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1] * Mod(1, p) };
{ h = [0x024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8
	+ i2 * 0x13e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e,
	0x0ce5d527727d6e118cc9cdc6da2e351aadfd9baa8cbdd3a76d429a695160d12c923ac9cc3baca289e193548608b82801
	+ i2 * 0x0606c4a02ea734cc32acd2b02bc28b99cb3e287e85a763af267492ab572e99ab3f370d275cec1da1aaa9075ff05f79be] };

\\ ---- coefficients and octets ----

coefficients(e, n) = { my(f = e.pol); vector(n, k, lift(polcoef(f, k - 1))) };
octets(n, size) = { my(d = digits(n, 16), s = ""); for (k = 1, 2*size - #d, s = Str(s, "0"));
	for (k = 1, #d, s = Str(s, Vec("0123456789abcdef")[d[k] + 1])); s };
greater(y) = 2*y > p - 1;

g1_octets(q) = { my(y = lift(q[2])); octets(lift(q[1]) + 2^383 + if (greater(y), 2^381), 48) };
g2_octets(q) = { my(a = coefficients(q[1], 2), y = coefficients(q[2], 2), last = if (y[2], y[2], y[1]));
	Str(octets(a[2] + 2^383 + if (greater(last), 2^381), 48), octets(a[1], 48)) };

\\ a + b u = (a - b) + b w^6, at every power of w below the sixth; Fp6 = Fp2[w^2] first, then its multiple of w.
gt_octets(e) = { my(c = coefficients(e, 12), s = "");
	for (i = 0, 1, for (j = 0, 2, my(k = i + 2*j + 1, b = c[k + 6]); s = Str(s, octets((c[k] + b) % p, 48), octets(b, 48)))); s };
\\ The torus: (1 + a) / b of a + b w, both of Fp6, that is, of even powers of w. Its conjugate is a - b w.
torus_octets(e) = { my(f = e.pol, o = subst(f, variable(f), -variable(f)), conjugate = subst(lift(o), variable(f), w));
	my(a = (e + conjugate) / 2, b = (e - conjugate) / (2*w)); strjoin(Vec(gt_octets((one + a) / b))[1 .. 576]) };

\\ ---- the pairing ----

embed(e) = { my(c = coefficients(e, 2)); c[1]*one + c[2]*u };
\\ The untwist: y^2 = x^3 + 4 (u + 1) is y^2 = x^3 + 4 over the large field, by w^6 = u + 1.
untwist(q) = [embed(q[1]) / w^2, embed(q[2]) / w^3];

\\ f_{n,Q}(P) by Miller's algorithm. The vertical lines lie in a subfield, which the final exponentiation removes.
miller(n, q, at) = {
	my(f = one, t = q, bits = binary(n), slope);
	for (k = 2, #bits,
		slope = 3*t[1]^2 / (2*t[2]);
		f = f^2 * (at[2] - t[2] - slope*(at[1] - t[1]));
		my(x3 = slope^2 - 2*t[1]); t = [x3, slope*(t[1] - x3) - t[2]];
		if (bits[k],
			slope = (q[2] - t[2]) / (q[1] - t[1]);
			f = f * (at[2] - t[2] - slope*(at[1] - t[1]));
			x3 = slope^2 - t[1] - q[1]; t = [x3, slope*(t[1] - x3) - t[2]]));
	f };

\\ z is negative: f_{-n} = 1/f_n up to what the final exponentiation removes.
textbook(a, b) = (1 / miller(-z, untwist(b), [lift(a[1])*one, lift(a[2])*one]))^((p^12 - 1) / r0);
\\ The provider's final exponentiation has three times the exponent.
pairing(a, b) = textbook(a, b)^3;

say(name, s) = print(name, " ", s);
say_gt(name, e) = { say(Str(name, "_raw"), gt_octets(e)); say(name, torus_octets(e)) };

kat(a1, b2, r, m) = {
	my(pk2 = ellmul(E2, h, b2), rk = ellmul(E2, pk2, a1), c1 = ellmul(E1, g, r));
	my(Z = pairing(g, h), K = Z^(a1*r % r0), D = pairing(c1, rk));
	say("h^b2", g2_octets(pk2)); say("rk", g2_octets(rk)); say("C1", g1_octets(c1));
	say_gt("Z", Z); say_gt("Z^a1", Z^a1); say_gt("K", K); say_gt("D", D); say_gt("B", Z^m * K);
	say("sink", gt_octets(D^lift(1 / Mod(b2, r0))) == gt_octets(K));
	say("owner", gt_octets(pairing(ellmul(E1, c1, a1), h)) == gt_octets(K)) };
