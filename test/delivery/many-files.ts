import {mkdir, writeFile} from 'node:fs/promises';
import path from 'node:path';

const filesOfFolder = 200;

/** Makes a folder with `count` files in subfolders, no two the same but for one empty file in each, and an empty folder. */
export async function writeFiles(folder: string, count: number): Promise<void> {
  await mkdir(path.join(folder, 'empty'), {recursive: true});
  for (let start = 0, number = 0; start < count; start += filesOfFolder, number += 1) {
    await mkdir(path.join(folder, `${number}`));
    const names = Array.from({length: Math.min(filesOfFolder, count - start)}, (_, index) => index);
    await Promise.all(
      names.map((name) => writeFile(path.join(folder, `${number}`, `${name}`), name === 0 ? '' : `file ${name} of ${number}\n`)),
    );
  }
}
