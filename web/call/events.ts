// Server-sent events read with fetch, where a header has to go along. HTML, section 9.2.

/** Hear every event of an answer, one after the other, until it ends. */
export async function events(body: ReadableStream<Uint8Array>, heard: (event: string, data: string) => void | Promise<void>): Promise<void> {
  const lines = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  for (let rest = ""; ; ) {
    const { value, done } = await lines.read();
    if (done) return;
    const found = (rest + value).split("\n\n");
    rest = found.pop() ?? "";
    for (const one of found) {
      const name = /^event: *(.+)$/m.exec(one)?.[1];
      if (name) await heard(name, /^data: *(.*)$/m.exec(one)?.[1] ?? "");
    }
  }
}
