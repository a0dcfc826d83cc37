/** Names the packages that are part of a bundle, and gives their licences as they ask for it. */
import {readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';

const packageFolder = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//;
const licenseFile = /^(licen[cs]e|copying|notice)/i;

/** Folders of the packages of which something is left in `outputs`, as esbuild lists them. */
function listPackages(outputs) {
  const inputs = outputs.flatMap((output) => Object.entries(output.inputs));
  const folders = inputs.flatMap(([file, {bytesInOutput}]) => (bytesInOutput > 0 ? (packageFolder.exec(file)?.[1] ?? []) : []));
  return [...new Set(folders)];
}

/** One text for people: name, version, licence and the licence's own words of each package, sorted by name. */
export function renderLicenses(root, outputs) {
  const sections = listPackages(outputs).map((folder) => {
    const {name, version, author, ...rest} = JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8'));
    // Old packages have a list.
    const license = rest.license ?? rest.licenses?.map(({type}) => type).join(' or ');
    if (!license) throw new Error(`${folder} names no licence`);
    const files = readdirSync(path.join(root, folder)).filter((file) => licenseFile.test(file));
    const words = files.map((file) => readFileSync(path.join(root, folder, file), 'utf8').trim());
    const by = typeof author === 'string' ? author : (author?.name ?? 'its authors');
    return `${name} ${version} (${license})\n\n${words.join('\n\n') || `Copyright ${by}. The package comes without the text of its licence.`}\n`;
  });
  return `drover contains these packages.\n\n${[...new Set(sections)].sort().join(`\n${'-'.repeat(80)}\n\n`)}`;
}
