// node unpack.js FROM.br TO: brotli is in Node, not in Python's standard library.
const { createReadStream, createWriteStream } = require("node:fs");
const { pipeline } = require("node:stream/promises");
const { createBrotliDecompress } = require("node:zlib");

const [from, to] = process.argv.slice(2);
pipeline(createReadStream(from), createBrotliDecompress({ chunkSize: 1 << 20 }), createWriteStream(to)).catch((wrong) => {
  console.error(`${from}: ${wrong.message}`);
  process.exit(1);
});
