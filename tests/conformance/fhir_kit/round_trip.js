// node round_trip.js BASE TOKEN: creates, reads, finds, changes, pages, batches and deletes; prints what it saw as JSON.
import { pathToFileURL } from "node:url";

const [base, token, library] = process.argv.slice(2);
const { Client } = await import(pathToFileURL(library).href);
const client = new Client({ baseUrl: base, bearerToken: token });

const statement = await client.capabilityStatement();
const family = `Thào${Date.now()}`;
const made = await client.create({
  resourceType: "Patient",
  body: { resourceType: "Patient", name: [{ family, given: ["Mỷ"] }], gender: "female" },
});
const read = await client.read({ resourceType: "Patient", id: made.id });
const found = await client.search({ resourceType: "Patient", searchParams: { family, _count: 1 } });
const changed = await client.update({
  resourceType: "Patient",
  id: made.id,
  body: { ...read, birthDate: "1999-02-01" },
});
const former = await client.vread({ resourceType: "Patient", id: made.id, version: "1" });
const second = await client.create({
  resourceType: "Patient",
  body: { resourceType: "Patient", name: [{ family, given: ["Páo"] }] },
});
const page = await client.search({ resourceType: "Patient", searchParams: { family, _count: 1 } });
const following = await client.nextPage({ bundle: page });
const batch = await client.batch({
  body: {
    resourceType: "Bundle",
    type: "batch",
    entry: [{ request: { method: "GET", url: `Patient/${made.id}` } }],
  },
});
const everything = await client.operation({ name: "everything", resourceType: "Patient", id: made.id, method: "get" });
await client.delete({ resourceType: "Patient", id: second.id });
let gone = 0;
try {
  await client.read({ resourceType: "Patient", id: second.id });
} catch (error) {
  gone = error.response.status;
}
console.log(
  JSON.stringify({
    version: statement.fhirVersion,
    read: read.name[0].family === family,
    found: found.entry.map((one) => one.resource.id),
    changed: changed.meta.versionId,
    former: former.birthDate ?? null,
    pages: new Set([...page.entry, ...following.entry].map((one) => one.resource.id)).size,
    batch: batch.entry[0].response.status,
    everything: everything.entry.length,
    gone,
    made: made.id,
  }),
);
