// Two people work with rows, files and changes through supabase-js; prints what they saw, as JSON.
const {createHash, randomBytes} = require('node:crypto');
const {createClient} = require('@supabase/supabase-js');

const {URL_, KEY, SERVICE_KEY, NOTES, BUCKET, ADA, BEN, PASSWORD} = process.env;
const options = {realtime: {transport: require('ws')}, auth: {persistSession: false, autoRefreshToken: false}};
const patience = 8000;
const admin = createClient(URL_, SERVICE_KEY, options);

function good({data, error}) {
    if (error) throw error;
    return data;
}

function refusal({error}) {
    return error && [String(error.status || ''), error.code || error.statusCode || '', error.message];
}

async function signedIn(email) {
    const client = createClient(URL_, KEY, options);
    good(await client.auth.signInWithPassword({email, password: PASSWORD}));
    return client;
}

function digest(bytes) {
    return createHash('sha256').update(bytes).digest('hex');
}

async function rows(ada, ben) {
    const note = good(await ada.from(NOTES).insert({body: 'of Ada'}).select().single());
    good(await ben.from(NOTES).insert({body: 'of Ben'}));
    return {
        ada: good(await ada.from(NOTES).select('body')),
        ben: good(await ben.from(NOTES).select('body')),
        anonymous: good(await createClient(URL_, KEY, options).from(NOTES).select('body')),
        update: good(await ben.from(NOTES).update({body: 'stolen'}).eq('id', note.id).select()),
        remove: good(await ben.from(NOTES).delete().eq('id', note.id).select()),
        forged: (await ben.from(NOTES).insert({body: 'x', owner: note.owner})).error.code,
        kept: good(await ada.from(NOTES).select('body').eq('id', note.id).single()).body,
    };
}

async function files(ada, ben) {
    const folder = (await ada.auth.getUser()).data.user.id;
    const bucket = ada.storage.from(BUCKET);
    const seen = {same: []};
    for (const size of [1, 4097, 20_000_000]) {
        const bytes = randomBytes(size);
        good(await bucket.upload(`${folder}/${size}.bin`, bytes, {contentType: 'application/x-test', cacheControl: '60'}));
        const back = Buffer.from(await good(await bucket.download(`${folder}/${size}.bin`)).arrayBuffer());
        seen.same.push(back.length === size && digest(back) === digest(bytes));
    }
    const text = `${folder}/deep/ä note.txt`;
    seen.badName = refusal(await bucket.upload(text, 'x'));
    seen.saved = good(await bucket.upload(`${folder}/deep/note.txt`, 'hello', {contentType: 'text/plain', metadata: {page: 1}})).path === `${folder}/deep/note.txt`;
    seen.twice = refusal(await bucket.upload(`${folder}/deep/note.txt`, 'again')).slice(0, 2);
    seen.replaced = await text_of(good(await bucket.upload(`${folder}/deep/note.txt`, 'other', {upsert: true})) && bucket, `${folder}/deep/note.txt`);
    seen.updated = await text_of(good(await bucket.update(`${folder}/deep/note.txt`, 'third', {metadata: {page: 2}})) && bucket, `${folder}/deep/note.txt`);
    const info = good(await bucket.info(`${folder}/deep/note.txt`));
    seen.info = [info.size, info.metadata];
    seen.exists = [(await bucket.exists(`${folder}/1.bin`)).data, (await bucket.exists(`${folder}/2.bin`)).data];
    seen.listed = good(await bucket.list(folder, {sortBy: {column: 'name', order: 'asc'}})).map((one) => [one.name, one.id === null]);
    seen.page = good(await bucket.list(folder, {limit: 1, offset: 1})).map((one) => one.name);
    seen.found = good(await bucket.list(folder, {search: '409'})).map((one) => one.name);
    const link = good(await bucket.createSignedUrl(`${folder}/1.bin`, 60, {download: 'one.bin'})).signedUrl;
    const answer = await fetch(link);
    seen.signed = [answer.status, (await answer.arrayBuffer()).byteLength, answer.headers.get('content-disposition').includes('one.bin')];
    seen.forged = (await fetch(link.replace(/token=.{8}/, 'token=AAAAAAAA'))).status;
    seen.links = good(await bucket.createSignedUrls([`${folder}/1.bin`, `${folder}/2.bin`], 60)).map((one) => [Boolean(one.signedUrl), Boolean(one.error)]);
    const permit = good(await bucket.createSignedUploadUrl(`${folder}/signed.txt`));
    good(await createClient(URL_, KEY, options).storage.from(BUCKET).uploadToSignedUrl(permit.path, permit.token, 'by link'));
    seen.byLink = await text_of(bucket, `${folder}/signed.txt`);
    good(await bucket.move(`${folder}/signed.txt`, `${folder}/moved.txt`));
    good(await bucket.copy(`${folder}/moved.txt`, `${folder}/copied.txt`));
    seen.moved = [await text_of(bucket, `${folder}/moved.txt`), await text_of(bucket, `${folder}/copied.txt`), (await bucket.exists(`${folder}/signed.txt`)).data];
    const theirs = ben.storage.from(BUCKET);
    seen.stranger = {
        download: Boolean((await theirs.download(`${folder}/1.bin`)).error),
        listed: good(await theirs.list(folder)),
        upload: refusal(await theirs.upload(`${folder}/x`, 'x')).slice(0, 2),
        remove: good(await theirs.remove([`${folder}/1.bin`])),
        link: Boolean((await theirs.createSignedUrl(`${folder}/1.bin`, 60)).error),
    };
    seen.removed = good(await bucket.remove([`${folder}/copied.txt`, `${folder}/nothing`])).map((one) => one.name === `${folder}/copied.txt`);
    return seen;
}

async function text_of(bucket, path) {
    return good(await bucket.download(path)).text();
}

function within(promise, what) {
    return Promise.race([promise, new Promise((_, reject) => setTimeout(() => reject(new Error(`${what} did not come`)), patience).unref())]);
}

async function changes(ada, ben) {
    const told = {ada: [], ben: []};
    const ends = {};
    const lives = [];
    for (const [name, client] of [['ada', ada], ['ben', ben]]) {
        await client.realtime.setAuth();
        const channel = client.channel(`notes of ${name}`);
        let live;
        lives.push(within(new Promise((resolve) => (live = resolve)), 'the subscription'));
        ends[name] = new Promise((resolve) => {
            channel.on('postgres_changes', {event: '*', schema: 'public', table: NOTES}, (event) => {
                told[name].push([event.eventType, event.new.body ?? null]);
                if (event.eventType !== 'DELETE' && event.new.body.startsWith('end')) resolve();
            });
        });
        channel.on('system', {}, (event) => event.status === 'ok' && live());
        channel.subscribe();
    }
    await Promise.all(lives);
    const id = good(await ada.from(NOTES).insert({body: 'one'}).select('id').single()).id;
    good(await ada.from(NOTES).update({body: 'two'}).eq('id', id));
    good(await ben.from(NOTES).insert({body: 'three'}));
    good(await ada.from(NOTES).insert({body: 'end of Ada'}));
    good(await ben.from(NOTES).insert({body: 'end of Ben'}));
    await within(Promise.all([ends.ada, ends.ben]), 'a change');
    await Promise.all([ada.removeAllChannels(), ben.removeAllChannels()]);
    return told;
}

async function main() {
    const [ada, ben] = [await signedIn(ADA), await signedIn(BEN)];
    const seen = {rows: await rows(ada, ben), files: await files(ada, ben), changes: await changes(ada, ben)};
    const made = good(await admin.storage.createBucket(`${BUCKET}-two`, {public: true, fileSizeLimit: 10, allowedMimeTypes: ['text/*']}));
    const bucket = admin.storage.from(made.name);
    seen.bucket = [
        refusal(await bucket.upload('big.txt', 'more than ten', {contentType: 'text/plain'})),
        refusal(await bucket.upload('a.png', 'x', {contentType: 'image/png'})),
    ].map(([status, code]) => [status, code]);
    good(await bucket.upload('a.txt', 'public', {contentType: 'text/plain'}));
    seen.public = await (await fetch(bucket.getPublicUrl('a.txt').data.publicUrl)).text();
    good(await admin.storage.emptyBucket(made.name));
    seen.dropped = good(await admin.storage.deleteBucket(made.name)).message;
    process.stdout.write(JSON.stringify(seen), () => process.exit(0));
}

main().catch((error) => {
    process.stderr.write(String(error && error.stack) + JSON.stringify(error));
    process.exit(1);
});
