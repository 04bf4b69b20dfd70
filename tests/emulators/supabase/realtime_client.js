// Drives Realtime with supabase-js and prints what it saw, as JSON.
const {createClient} = require('@supabase/supabase-js');

const {URL_, KEY, TOKEN, TABLE, ROOM} = process.env;
const options = {realtime: {transport: require('ws')}, auth: {persistSession: false, autoRefreshToken: false}};
const patience = 8000;

function client() {
    return createClient(URL_, KEY, options);
}

function subscribed(channel) {
    return new Promise((resolve, reject) => {
        setTimeout(() => reject(new Error(`${channel.topic} was not joined in time`)), patience).unref();
        channel.subscribe((status, error) => (status === 'SUBSCRIBED' ? resolve(status) : reject(error || new Error(status))));
    });
}

function outcome(channel) {
    return new Promise((resolve) => channel.subscribe((status, error) => resolve([status, String(error && error.message)])));
}

function next(listen) {
    return new Promise((resolve, reject) => {
        setTimeout(() => reject(new Error('nothing came in time')), patience).unref();
        listen(resolve);
    });
}

async function main() {
    const seen = {};
    const one = client();
    const two = client();
    const first = one.channel('js', {config: {broadcast: {ack: true}, presence: {key: 'one'}}});
    const second = two.channel('js', {config: {presence: {key: 'two'}}});
    const heard = next((done) => second.on('broadcast', {event: 'shout'}, done));
    const bytes = next((done) => second.on('broadcast', {event: 'bytes'}, done));
    const joined = next((done) => second.on('presence', {event: 'join'}, (event) => event.key === 'one' && done(event)));
    const left = next((done) => second.on('presence', {event: 'leave'}, done));
    await subscribed(second);
    await subscribed(first);
    seen.sent = await first.send({type: 'broadcast', event: 'shout', payload: {text: 'ä☃', n: 1}});
    seen.heard = await heard;
    await first.send({type: 'broadcast', event: 'bytes', payload: new Uint8Array([0, 1, 255]).buffer});
    seen.bytes = [...new Uint8Array((await bytes).payload)];
    seen.tracked = await first.track({name: 'Ada'});
    seen.joined = (await joined).newPresences.map((presence) => presence.name);
    seen.state = Object.keys(second.presenceState());
    await one.removeChannel(first);
    seen.left = (await left).key;

    const anonymous = one.channel(ROOM, {config: {private: true}});
    seen.refused = await outcome(anonymous);
    await one.removeChannel(anonymous);
    await two.realtime.setAuth(TOKEN);
    seen.private = await subscribed(two.channel(ROOM, {config: {private: true}}));

    const changes = two.channel('changes');
    const live = next((done) => changes.on('system', {}, (event) => event.extension === 'postgres_changes' && done(event)));
    const told = next((done) => {
        const events = [];
        changes.on('postgres_changes', {event: '*', schema: 'public', table: TABLE, filter: 'n=gt.1'}, (event) => {
            events.push([event.eventType, event.new, event.old, event.errors]);
            if (events.length === 3) done(events);
        });
    });
    await subscribed(changes);
    seen.live = (await live).status;
    const table = createClient(URL_, process.env.SERVICE_KEY, options).from(TABLE);
    await table.insert([{id: 1, n: 1}, {id: 2, n: 2, tags: ['a'], at: '2024-02-29T12:00:00Z'}]);
    await table.update({n: 3}).eq('id', 2);
    await table.delete().eq('n', 3);
    seen.changes = await told;
    await Promise.all([one.removeAllChannels(), two.removeAllChannels()]);
    process.stdout.write(JSON.stringify(seen));
    process.exit(0);
}

main().catch((error) => {
    process.stderr.write(String(error && error.stack));
    process.exit(1);
});
