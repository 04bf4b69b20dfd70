// Asks the REST part with supabase-js and prints, for every name, what came back, as JSON.
const {createClient} = require('@supabase/supabase-js');

const {URL_, KEY, SERVICE_KEY} = process.env;
const options = {realtime: {transport: require('ws')}, auth: {persistSession: false, autoRefreshToken: false}};
const admin = createClient(URL_, SERVICE_KEY, options);
const anonymous = createClient(URL_, KEY, options);
const plays = () => admin.from('plays');
const ids = () => plays().select('id');

const filters = {
    eq: ids().eq('title', 'Hamlet, "Prince" (1)'),
    neq: ids().neq('id', 1),
    gt: ids().gt('year', 1600),
    gte: ids().gte('year', 1600),
    lt: ids().lt('year', 1600),
    lte: ids().lte('year', 1600),
    like: ids().like('title', '%eth'),
    likeAllOf: ids().likeAllOf('title', ['M%', '%eth']),
    likeAnyOf: ids().likeAnyOf('title', ['M%', 'O%']),
    ilike: ids().ilike('title', 'mac%'),
    ilikeAllOf: ids().ilikeAllOf('title', ['m%', '%ETH']),
    ilikeAnyOf: ids().ilikeAnyOf('title', ['m%', 'o%']),
    regexMatch: ids().regexMatch('title', '^M.*h$'),
    regexIMatch: ids().regexIMatch('title', '^m.*H$'),
    isNull: ids().is('year', null),
    isTrue: ids().is('staged', true),
    isDistinct: ids().isDistinct('year', 1600),
    in: ids().in('title', ['Othello, the (Moor)', 'Macbeth', 'nothing']),
    notIn: ids().notIn('id', [1, 2]),
    containsArray: ids().contains('tags', ['sad']),
    containsJson: ids().contains('data', {acts: 5}),
    containsRange: ids().contains('run', '[5,6)'),
    containedBy: ids().containedBy('tags', ['sad', 'long', 'short']),
    overlaps: ids().overlaps('tags', ['short', 'funny']),
    overlapsRange: ids().overlaps('run', '[8,12)'),
    rangeGt: ids().rangeGt('run', '[1,5)'),
    rangeGte: ids().rangeGte('run', '[5,8)'),
    rangeLt: ids().rangeLt('run', '[10,20)'),
    rangeLte: ids().rangeLte('run', '[1,10)'),
    rangeAdjacent: ids().rangeAdjacent('run', '[10,20)'),
    textSearch: ids().textSearch('words', "'ghost' & 'castle'"),
    textSearchPlain: ids().textSearch('words', 'ghost castle', {type: 'plain', config: 'english'}),
    textSearchPhrase: ids().textSearch('words', 'the castle', {type: 'phrase', config: 'english'}),
    textSearchWeb: ids().textSearch('words', 'witch or ghost', {type: 'websearch', config: 'english'}),
    match: ids().match({year: 1600, staged: true}),
    not: ids().not('year', 'is', null).not('id', 'in', '(1)'),
    or: ids().or('id.eq.1,and(id.gt.1,staged.is.false)'),
    orOfEmbed: plays().select('id, roles!inner(name)').or('name.eq.Ghost,name.eq.Iago', {referencedTable: 'roles'}),
    filter: ids().filter('data->>acts', 'eq', '5'),
    jsonPath: plays().select('id, five:data->acts, data->>acts').eq('id', 1),
};

const modifiers = {
    order: ids().order('year', {ascending: false, nullsFirst: true}).order('id'),
    orderOfEmbed: plays().select('id, roles(name)').eq('id', 1).order('name', {referencedTable: 'roles', ascending: false}),
    orderByEmbed: admin.from('roles').select('name, plays(title)').order('plays(title)').order('name').limit(2),
    limitOfEmbed: plays().select('id, roles(name)').eq('id', 1).order('name', {referencedTable: 'roles'}).limit(1, {referencedTable: 'roles'}),
    range: plays().select('id', {count: 'exact'}).order('id').range(1, 2),
    beyond: plays().select('id', {count: 'exact'}).range(10, 12),
    head: plays().select('*', {count: 'exact', head: true}),
    planned: plays().select('id', {count: 'planned', head: true}),
    estimated: plays().select('id', {count: 'estimated', head: true}),
    single: ids().eq('id', 1).single(),
    singleOfNone: ids().eq('id', 99).single(),
    singleOfMany: ids().single(),
    maybeSingle: ids().eq('id', 1).maybeSingle(),
    maybeSingleOfNone: ids().eq('id', 99).maybeSingle(),
    maybeSingleOfMany: ids().maybeSingle(),
    csv: plays().select('id, title').lte('id', 2).order('id').csv(),
    stripNulls: plays().select('id, year').eq('id', 4).stripNulls(),
    geojson: plays().select('id').geojson(),
    explain: plays().select('id').explain(),
    otherSchema: admin.schema('private_things').from('x').select(),
};

const embeds = {
    toOne: admin.from('roles').select('name, plays(title)').eq('id', 1),
    toMany: plays().select('title, roles(name)').eq('id', 2),
    through: plays().select('title, actors(name)').eq('id', 1),
    nested: admin.from('actors').select('name, plays(id, roles(name))').eq('id', 2),
    inner: plays().select('id, roles!inner(name)').eq('roles.name', 'Iago'),
    left: plays().select('id, roles!left(name)').eq('roles.name', 'Iago').order('id'),
    without: ids().is('roles', null).select('id, roles()'),
    spread: admin.from('roles').select('name, ...plays(title, since:year)').eq('id', 1),
    alias: admin.from('roles').select('who:name, piece:plays(title)').eq('id', 1),
    hintOfColumn: admin.from('letters').select('id, sender:actors!sender_id(name), receiver:actors!receiver_id(name)'),
    hintOfConstraint: admin.from('letters').select('id, actors!letters_sender_id_fkey(name)'),
    ambiguous: admin.from('letters').select('id, actors(name)'),
    unrelated: plays().select('id, letters(id)'),
    counted: plays().select('id, roles(count)').eq('id', 1),
};

const functions = {
    scalar: admin.rpc('add', {a: 1, b: 2}),
    byGet: admin.rpc('add', {a: 1, b: 2}, {get: true}),
    rows: admin.rpc('plays_after', {start: 1600}).select('id, roles(name)').order('id').limit(1),
    counted: admin.rpc('plays_after', {start: 1600}, {count: 'exact', head: true}),
    one: admin.rpc('plays_after', {start: 1605}).single(),
    unknown: admin.rpc('nothing_of_the_kind', {a: 1}),
    raising: admin.rpc('refuse'),
};

async function writes() {
    const fruit = () => admin.from('fruit');
    const seen = {};
    const steps = {
        insert: () => fruit().insert({name: 'apple', price: 1}),
        insertMany: () => fruit().insert([{name: 'pear', price: 2}, {name: 'fig'}], {count: 'exact'}).select('name, price'),
        insertWithDefaults: () => fruit().insert([{name: 'kiwi'}, {name: 'lime', price: 7}], {defaultToNull: false}).select('name, price'),
        duplicate: () => fruit().insert({name: 'apple'}),
        absent: () => fruit().insert({price: 1}),
        wrongType: () => fruit().insert({name: 'x', price: 'much'}),
        wrongColumn: () => fruit().insert({colour: 'red'}),
        upsert: () => fruit().upsert([{name: 'apple', price: 5}, {name: 'plum', price: 3}]).select('name, price'),
        upsertIgnoring: () => fruit().upsert({name: 'apple', price: 9}, {onConflict: 'name', ignoreDuplicates: true}).select(),
        update: () => fruit().update({price: 6}, {count: 'exact'}).eq('name', 'apple').select('name, price').single(),
        updateNone: () => fruit().update({price: 6}).eq('name', 'nothing').select(),
        maxAffected: () => fruit().delete().gt('price', 0).maxAffected(1),
        rollback: () => fruit().insert({name: 'ghost'}).rollback().select('name'),
        delete: () => fruit().delete({count: 'exact'}).eq('name', 'apple').select('name'),
        left: () => fruit().select('name').order('name'),
    };
    for (const [name, step] of Object.entries(steps)) seen[name] = plain(await step());
    return seen;
}

async function errors() {
    const thrown = await plays().select('nothing').throwOnError().then(() => null, (error) => error);
    const aborted = await plays().select('id').abortSignal(AbortSignal.abort()).then((result) => result.error);
    return {
        column: plain(await plays().select('nothing')),
        table: plain(await admin.from('playz').select()),
        head: plain(await plays().select('nothing', {head: true})),
        filter: plain(await ids().eq('id', 'one')),
        hidden: plain(await anonymous.from('secrets').select()),
        forbidden: plain(await anonymous.from('secrets').insert({id: 2})),
        key: plain(await createClient(URL_, 'no-key', options).from('plays').select()),
        thrown: [thrown.name, thrown.code, thrown instanceof Error],
        aborted: /abort/i.test(aborted.message),
    };
}

function plain({data, error, count, status}) {
    return {data, error, count, status};
}

async function all(queries) {
    const seen = {};
    for (const [name, query] of Object.entries(queries)) seen[name] = plain(await query);
    return seen;
}

async function main() {
    const seen = {
        filters: await all(filters),
        modifiers: await all(modifiers),
        embeds: await all(embeds),
        functions: await all(functions),
        writes: await writes(),
        errors: await errors(),
    };
    process.stdout.write(JSON.stringify(seen));
}

main().catch((error) => {
    process.stderr.write(String(error && error.stack));
    process.exit(1);
});
