// DataComp's exact rule for the best fraction, and subsets as sets.
import { atLeast, combineUids, isBasic, scoreThreshold, uidsFromNpy, uidsToNpy } from 'diptych';

const rows = Array.from({ length: 10 }, (_, at) => ({
  uid: at.toString(16).padStart(32, '0'),
  text: at % 2 === 0 ? 'a photo of a red kite' : 'IMG 1',
  language: 'en',
  width: 640,
  height: 480,
  score: at / 10,
}));
const uid = (at: number): string => rows[at]?.uid ?? '';
const scores = rows.map(({ score }) => score);
const best = atLeast(scores, scoreThreshold(scores, 0.3)).map(uid);
const basic = rows.filter((row) => isBasic(row)).map((row) => row.uid);
const both = combineUids('intersection', best, basic);
console.log(`best ${best.length}, basic ${basic.length}, both ${both.length}`);
console.log(`the subset file holds ${uidsFromNpy(uidsToNpy(both)).length} uids`);
