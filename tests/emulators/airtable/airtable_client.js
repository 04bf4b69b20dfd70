// Drives the emulator with airtable.js and prints what it saw, as JSON.
const Airtable = require('airtable');

const base = new Airtable({apiKey: process.env.TOKEN, endpointUrl: process.env.ENDPOINT}).base('appSmallShop00001');
const products = base('Products');

async function pages(options) {
    const seen = [];
    await products.select(options).eachPage((records, next) => {
        seen.push(records.map((record) => record.get('Name')));
        next();
    });
    return seen;
}

async function failure(promise) {
    try {
        await promise;
        return null;
    } catch (error) {
        return {statusCode: error.statusCode, error: error.error};
    }
}

async function main() {
    const seen = {};
    const sort = [{field: 'Price', direction: 'desc'}];
    seen.sorted = await pages({pageSize: 2, sort});
    seen.posted = await pages({pageSize: 2, sort, method: 'post', timeZone: 'utc', userLocale: 'en'});
    seen.restricted = (await products.select({fields: ['Name', 'Stock'], maxRecords: 1}).firstPage()).map((r) => r.fields);
    seen.listed = await new Promise((resolve, reject) =>
        products.list(2, null, (error, records) => (error ? reject(error) : resolve(records.map((r) => r.id))))
    );
    seen.filtered = await pages({filterByFormula: "AND({Price} > 1, FIND('a', {Name}))", view: 'By price', fields: ['Name']});
    seen.capped = await pages({pageSize: 2, maxRecords: 3, view: 'By price'});
    const text = {cellFormat: 'string', timeZone: 'Europe/Berlin', userLocale: 'en', maxRecords: 1};
    const orders = base('tblOrders00000001');
    seen.text = (await orders.select(text).firstPage())[0].fields;
    seen.postedText = (await orders.select({...text, method: 'post', fields: ['Placed', 'Prices']}).all())[0].fields;
    seen.byId = (await products.select({returnFieldsByFieldId: true, maxRecords: 1, fields: ['Name']}).all())[0].fields;
    const counted = await products.select({recordMetadata: ['commentCount'], maxRecords: 2}).firstPage();
    seen.counted = counted.map((record) => record.commentCount);
    const found = await products.find('recProduct0000001');
    seen.found = {id: found.id, fields: found.fields, createdTime: found._rawJson.createdTime};
    const cast = await orders.create({Number: 5, Products: 'Saw, Rope', Discount: '12%'}, {typecast: true});
    seen.cast = [cast.get('Number'), cast.get('Products').length, cast.get('Prices'), cast.get('Discount')];
    const rope = (await products.select({filterByFormula: "{Name} = 'Rope'"}).firstPage())[0];
    await rope.updateFields({Price: 4});
    await cast.fetch();
    seen.fetched = cast.get('Prices');
    await rope.destroy();
    const created = await products.create({Name: 'Kite & string', Kind: 'Toy', Orders: ['recOrder000000003']});
    seen.created = created.fields;
    const many = await products.create([{fields: {Name: 'One'}}, {fields: {Name: 'Two'}}]);
    seen.many = many.map((record) => record.get('Name'));
    seen.updated = (await products.update(created.id, {Price: 7.25})).fields;
    const both = many.map((record, index) => ({id: record.id, fields: {Stock: index}}));
    seen.updatedMany = (await products.update(both)).map((record) => record.fields);
    seen.replaced = (await products.replace(created.id, {Name: 'Kite'})).fields;
    seen.destroyed = (await products.destroy(created.id)).id === created.id;
    seen.destroyedMany = (await products.destroy(many.map((record) => record.id))).length;
    seen.gone = await failure(products.find(created.id));
    seen.refused = await failure(products.create({Stock: 'many'}));
    seen.left = (await products.select().all()).length;
    console.log(JSON.stringify(seen));
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
