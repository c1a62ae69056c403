// Knowledge behind the prompts (K-LITE); WordNet's entries come from `wordnetKnowledge`.
import { buildPromptClassifier, knowledgePrompts, loadModel } from 'diptych';

const labels = ['coffee', 'rocket'];
const { prompts, covered } = knowledgePrompts(labels, [
  { classname: 'rocket', def_wiki: 'A vehicle propelled by its own exhaust.' },
]);
for (const prompt of prompts.flat()) console.log(prompt);
await using model = await loadModel('diptych-mini');
const classifier = await buildPromptClassifier(model, labels, prompts);
console.log(`${covered} of ${classifier.rows} labels covered`);
