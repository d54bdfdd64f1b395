// A judged collection in BEIR's form: corpus.jsonl, queries.jsonl, qrels.tsv with a header line.
import { readFile } from "node:fs/promises";
import { join } from "node:path";

const lines = async (file) => (await readFile(file, "utf8")).split("\n").filter((line) => line.trim() !== "");

/**
 * `{ documents: [{ id, text, title, body }], queries: [{ id, text }], qrels }`; `text` is title and body as one, queries are
 * those with a relevant document.
 */
export async function readCollection(folder) {
  const documents = (await lines(join(folder, "corpus.jsonl"))).map((line) => {
    const { _id, title, text } = JSON.parse(line);
    return { id: String(_id), text: title ? `${title}\n${text}` : text, title: title ?? "", body: text };
  });
  const qrels = {};
  for (const line of (await lines(join(folder, "qrels.tsv"))).slice(1)) {
    const [query, document, grade] = line.split("\t");
    (qrels[query] ??= {})[document] = Number(grade);
  }
  const queries = (await lines(join(folder, "queries.jsonl"))).map((line) => JSON.parse(line));
  const judged = queries.filter(({ _id }) => Object.values(qrels[_id] ?? {}).some((grade) => grade > 0));
  return { documents, queries: judged.map(({ _id, text }) => ({ id: String(_id), text })), qrels };
}
