import { dirname, resolve } from 'node:path';
import type { BenchReport } from '../records.js';
import { recordedFigure } from './figures.js';
import { markdownHeadlines, type Source } from './headlines.js';
import { markdownRatios, markdownReport } from './markdown.js';

export type LoadRecord = (file: string) => Promise<BenchReport>;

/** What `bench fill` has put between two lines of a page. */
export const BLOCK = /^<!-- bench:(\S+) -->$([\s\S]*?)^<!-- \/bench:\1 -->$/gm;

/** Where a page names a figure of a record: `[id]: FOLDER/bench/results/FILE.json 'CASE: SUBJECT'`. */
const NAMED = /^\[([^\]]+)\]: (\S*bench\/results\/\S+\.json) (["'])(.+)\3$/gm;

/** Where a text shows a named figure: `[1.44][id]`. */
export const FIGURE = /\[([^\][]+)\]\[([^\][]+)\]/g;

/** The tables of the records that a block names, of the kind that it holds now. */
async function block(text: string, root: string, load: LoadRecord): Promise<string> {
  const files = [...text.matchAll(/^(?:From |- )`([^`]+\.json)`:/gm)].map(([, file = '']) => file);
  const sources = await Promise.all(
    files.map(async (file): Promise<Source> => ({ file, report: await load(resolve(root, file)) })),
  );
  if (text.trimStart().startsWith('From:')) return markdownHeadlines(sources);
  const tables = /^### /m.test(text) ? markdownReport : markdownRatios;
  return sources.map(({ file, report }) => tables(report, file)).join('\n');
}

/**
 * A page of Markdown with all of its figures taken from the records again: the blocks of tables, whose records are named
 * from `root`, and the figures that link to their record, which is named from the page's own folder.
 *
 * @throws DiptychError BAD_INPUT where a record does not have what the page shows.
 */
export async function refreshPage(
  text: string,
  page: string,
  root: string,
  load: LoadRecord,
): Promise<string> {
  const blocks = new Map<string, string>();
  for (const [whole, name = '', inside = ''] of text.matchAll(BLOCK)) {
    const tables = (await block(inside, root, load)).trimEnd();
    blocks.set(whole, `<!-- bench:${name} -->\n${tables}\n\n<!-- /bench:${name} -->`);
  }
  const filled = text.replaceAll(BLOCK, (whole) => blocks.get(whole) ?? whole);
  const named = new Map<string, string>();
  for (const [, id = '', file = '', , title = ''] of text.matchAll(NAMED)) {
    named.set(id, recordedFigure(await load(resolve(dirname(page), file)), title, page));
  }
  return filled.replaceAll(FIGURE, (shown: string, _text: string, id: string) => {
    const figure = named.get(id);
    return figure === undefined ? shown : `[${figure}][${id}]`;
  });
}
