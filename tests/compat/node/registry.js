// Uses a schema registry through @kafkajs/confluent-schema-registry; ends with an error where it is not as Confluent's is.
'use strict'
const assert = require('node:assert')
const { COMPATIBILITY, SchemaRegistry, SchemaType } = require('@kafkajs/confluent-schema-registry')

const registry = new SchemaRegistry({ host: process.argv[2] })
const value = { ID: 7, ITEM: 'tea' }
const fields = [{ name: 'ID', type: 'int' }, { name: 'ITEM', type: 'string' }]
const properties = { ID: { type: 'integer' }, ITEM: { type: 'string' } }
const schemas = [
  { type: SchemaType.AVRO, schema: JSON.stringify({ type: 'record', name: 'Order', namespace: 'shop', fields }) },
  { type: SchemaType.JSON, schema: JSON.stringify({ type: 'object', properties, additionalProperties: false }) },
  { type: SchemaType.PROTOBUF, schema: 'syntax = "proto3"; message Order { int32 ID = 1; string ITEM = 2; }' },
]

async function main() {
  for (const schema of schemas) {
    const subject = `js-${schema.type}-value`
    const { id } = await registry.register(schema, { subject, compatibility: COMPATIBILITY.FULL })
    assert.strictEqual((await registry.register(schema, { subject, compatibility: COMPATIBILITY.FULL })).id, id)
    assert.strictEqual(await registry.getLatestSchemaId(subject), id)
    assert.strictEqual(await registry.getRegistryId(subject, 1), id)
    const read = await registry.decode(await registry.encode(id, value))
    assert.deepStrictEqual({ ...read }, value)
  }
  const broken = { type: SchemaType.AVRO, schema: schemas[0].schema.replace('"int"', '"boolean"') }
  await assert.rejects(registry.register(broken, { subject: 'js-AVRO-value', compatibility: COMPATIBILITY.FULL }), /incompatible/i)
  console.log('done')
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
