// Goes the ways of auth with supabase-js and prints what it saw, as JSON.
const {createHmac} = require('node:crypto');
const {createClient} = require('@supabase/supabase-js');

const {URL_, KEY, SERVICE_KEY} = process.env;
const transport = require('ws');
const password = 'correct horse';

function client(auth = {}, key = KEY) {
    const memory = new Map();
    const storage = {
        getItem: (name) => memory.get(name) ?? null,
        setItem: (name, value) => memory.set(name, value),
        removeItem: (name) => memory.delete(name),
    };
    return createClient(URL_, key, {realtime: {transport}, auth: {storage, autoRefreshToken: false, ...auth}});
}

const admin = client({persistSession: false}, SERVICE_KEY);

function good({data, error}) {
    if (error) throw error;
    return data;
}

function refusal({error}) {
    return error && [error.name, error.status, error.code];
}

async function inbox(recipient) {
    const answer = await fetch(`${URL_}/_emulator/inbox/messages?recipient=${encodeURIComponent(recipient)}`);
    return (await answer.json())[0];
}

async function where(link) {
    const answer = await fetch(link, {redirect: 'manual'});
    return new URL(answer.headers.get('location'));
}

function totp(secret) {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
    const bits = [...secret].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, '0')).join('');
    const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000)));
    const digest = createHmac('sha1', key).update(counter).digest();
    const number = digest.readUInt32BE(digest[19] & 15) & 0x7fffffff;
    return String(number % 1000000).padStart(6, '0');
}

async function signUp(seen) {
    const email = 'js-sign-up@example.com';
    const ada = client();
    const events = [];
    ada.auth.onAuthStateChange((event) => events.push(event));
    const waiting = good(await ada.auth.signUp({email, password, options: {data: {name: 'Ada'}}}));
    seen.signedUp = [waiting.user.email, waiting.user.user_metadata.name, waiting.session];
    seen.unconfirmed = refusal(await ada.auth.signInWithPassword({email, password}));
    const token = (await inbox(email)).code;
    seen.wrongCode = refusal(await ada.auth.verifyOtp({email, token: '000000' === token ? '111111' : '000000', type: 'email'}));
    seen.confirmed = good(await ada.auth.verifyOtp({email, token, type: 'email'})).session.user.email;
    seen.signedIn = good(await ada.auth.signInWithPassword({email, password})).user.email;
    seen.wrongPassword = refusal(await client().auth.signInWithPassword({email, password: 'wrong'}));
    seen.weakPassword = refusal(await client().auth.signUp({email: 'js-weak@example.com', password: 'x'}));
    seen.twice = refusal(await client().auth.signUp({email, password}));
    seen.user = good(await ada.auth.getUser()).user.email;
    const claims = good(await ada.auth.getClaims());
    seen.claims = [claims.claims.email, claims.claims.role, claims.claims.aal, claims.header.alg];
    const before = good(await ada.auth.getSession()).session;
    const after = good(await ada.auth.refreshSession()).session;
    seen.refreshed = [before.refresh_token !== after.refresh_token, before.user.id === after.user.id];
    seen.set = good(await client().auth.setSession(after)).user.email;
    const changed = good(await ada.auth.updateUser({password: 'another horse', data: {name: 'Ada L.'}})).user;
    seen.updated = [changed.user_metadata.name, good(await ada.auth.signInWithPassword({email, password: 'another horse'})).user.email];
    seen.identities = good(await ada.auth.getUserIdentities()).identities.map((one) => one.provider);
    good(await ada.auth.signOut().then(({error}) => ({error})));
    seen.signedOut = [good(await ada.auth.getSession()).session, refusal(await ada.auth.getUser())];
    seen.events = [...new Set(events)];
}

async function secondFactor(seen) {
    const email = 'js-mfa@example.com';
    good(await admin.auth.admin.createUser({email, password, email_confirm: true}));
    const eve = client();
    good(await eve.auth.signInWithPassword({email, password}));
    const other = client();
    good(await other.auth.signInWithPassword({email, password}));
    const factor = good(await eve.auth.mfa.enroll({factorType: 'totp', friendlyName: 'phone'}));
    seen.enrolled = [factor.type, factor.friendly_name, factor.totp.qr_code.startsWith('data:image/svg+xml'), factor.totp.uri.startsWith('otpauth://totp/')];
    seen.levels = [good(await eve.auth.mfa.getAuthenticatorAssuranceLevel())];
    const challenge = good(await eve.auth.mfa.challenge({factorId: factor.id}));
    const code = totp(factor.totp.secret);
    const wrong = String((Number(code) + 1) % 1000000).padStart(6, '0');
    seen.wrongFactor = refusal(await eve.auth.mfa.verify({factorId: factor.id, challengeId: challenge.id, code: wrong}));
    good(await eve.auth.mfa.verify({factorId: factor.id, challengeId: challenge.id, code: totp(factor.totp.secret)}));
    seen.levels.push(good(await eve.auth.mfa.getAuthenticatorAssuranceLevel()));
    seen.factors = good(await eve.auth.mfa.listFactors()).totp.map((one) => [one.friendly_name, one.status]);
    seen.lowerSession = refusal(await other.auth.refreshSession());
    seen.adminFactors = good(await admin.auth.admin.mfa.listFactors({userId: (await eve.auth.getUser()).data.user.id})).factors.length;
    seen.unenrolled = good(await eve.auth.mfa.unenroll({factorId: factor.id})).id === factor.id;
}

async function scopes(seen) {
    const email = 'js-scopes@example.com';
    good(await admin.auth.admin.createUser({email, password, email_confirm: true}));
    const all = [client(), client(), client()];
    for (const one of all) good(await one.auth.signInWithPassword({email, password}));
    const works = async () => Promise.all(all.map(async (one) => !(await one.auth.refreshSession()).error));
    seen.scopes = [];
    for (const [scope, who] of [['local', 0], ['others', 1], ['global', 1]]) {
        const {error} = await all[who].auth.signOut({scope});
        if (error) throw error;
        seen.scopes.push([scope, ...(await works())]);
    }
}

async function byMail(seen) {
    const email = 'js-mail@example.com';
    good(await admin.auth.admin.createUser({email, password, email_confirm: true}));
    const ben = client();
    good(await ben.auth.signInWithOtp({email, options: {shouldCreateUser: false}}));
    seen.otp = good(await ben.auth.verifyOtp({email, token: (await inbox(email)).code, type: 'email'})).user.email;
    seen.unknown = refusal(await ben.auth.signInWithOtp({email: 'js-nobody@example.com', options: {shouldCreateUser: false}}));
    const cat = client({flowType: 'pkce'});
    good(await cat.auth.signInWithOtp({email}));
    const code = (await where((await inbox(email)).link)).searchParams.get('code');
    seen.stranger = refusal(await client({flowType: 'pkce'}).auth.exchangeCodeForSession(code));
    seen.exchanged = good(await cat.auth.exchangeCodeForSession(code)).session.user.email;
    seen.codeTwice = refusal(await cat.auth.exchangeCodeForSession(code));
    good(await ben.auth.resetPasswordForEmail(email));
    const fragment = new URLSearchParams((await where((await inbox(email)).link)).hash.slice(1));
    const session = {access_token: fragment.get('access_token'), refresh_token: fragment.get('refresh_token')};
    seen.recovered = [fragment.get('type'), good(await client().auth.setSession(session)).user.email];
    good(await ben.auth.updateUser({email: 'js-new@example.com'}));
    seen.pending = good(await ben.auth.getUser()).user.new_email;
}

async function administration(seen) {
    const api = admin.auth.admin;
    const made = good(await api.createUser({email: 'js-made@example.com', password, email_confirm: true, app_metadata: {team: 'red'}})).user;
    seen.made = [made.email, made.app_metadata.team];
    seen.taken = refusal(await api.createUser({email: 'js-made@example.com', password}));
    seen.changed = good(await api.updateUserById(made.id, {user_metadata: {a: 1}})).user.user_metadata.a;
    seen.got = good(await api.getUserById(made.id)).user.email;
    const listed = good(await api.listUsers({page: 1, perPage: 2}));
    seen.listed = [listed.users.length, listed.total > 2, listed.nextPage];
    const link = good(await api.generateLink({type: 'magiclink', email: 'js-made@example.com'}));
    seen.linked = good(await client().auth.verifyOtp({token_hash: link.properties.hashed_token, type: 'email'})).user.email;
    seen.invited = [good(await api.inviteUserByEmail('js-guest@example.com')).user.email, (await inbox('js-guest@example.com')).kind];
    seen.deleted = refusal(await api.deleteUser(made.id));
    seen.gone = refusal(await api.getUserById(made.id));
    seen.notAdmin = refusal(await client().auth.admin.listUsers());
    seen.anonymous = refusal(await client().auth.signInAnonymously());
}

async function main() {
    const seen = {};
    for (const story of [signUp, secondFactor, scopes, byMail, administration]) {
        seen[story.name] = {};
        await story(seen[story.name]);
    }
    process.stdout.write(JSON.stringify(seen), () => process.exit(0));
}

main().catch((error) => {
    process.stderr.write(String(error && error.stack) + JSON.stringify(error));
    process.exit(1);
});
