// The tensor that the official Python would feed to the model: Pillow's pixels, bit for bit.
import { readFileSync } from 'node:fs';
import { preprocess } from 'diptych';

const bytes = readFileSync(new URL('photos/astronaut.jpg', import.meta.url));
const { data, shape } = await preprocess([bytes], { spec: { size: 224, interpolation: 'bicubic' } });
console.log(`float32 [${shape.join(', ')}], first value ${(data[0] ?? 0).toFixed(4)}`);

const pixels = await preprocess([bytes], { spec: { size: 64, resizeMode: 'squash' }, output: 'uint8' });
console.log(`uint8 [${pixels.shape.join(', ')}]`);
