// Which light a file was taken in, told by its name.

const WORDS = [
  ["ir", /(^|[^a-z])(ir|infra-?red|b900|nir)([^a-z]|$)/],
  ["uv", /(^|[^a-z])(uv|uva|ultra-?violet|uv365)([^a-z]|$)/],
  ["visible", /(^|[^a-z])(visible|vis|vi|white|rgb|colou?r)([^a-z]|$)/],
];
const IMAGE = /\.(jpe?g|png|tiff?|bmp|jp2|j2k|jpx|webp|pdf)$/i;

/**
 * @returns {{parts: Map<string, File>} | {fault: string}} one file per light, and the capture.toml among them under
 * "capture"; or the name of a text that says why not
 */
export function sortByLight(files) {
  const images = files.length === 1 ? files : files.filter((file) => IMAGE.test(file.name));
  if (images.length === 0) return { fault: "noFiles" };
  if (images.length > 3) return { fault: "tooManyFiles" };
  const parts = new Map();
  for (const file of images) {
    const found = WORDS.find(([, pattern]) => pattern.test(file.name.toLowerCase()));
    const light = found ? found[0] : images.length === 1 ? "visible" : null;
    if (light === null) return { fault: "unclearLight" };
    if (parts.has(light)) return { fault: "repeatedLight" };
    parts.set(light, file);
  }
  const statement = files.find((file) => file.name.toLowerCase() === "capture.toml");
  if (statement && !images.includes(statement)) parts.set("capture", statement);
  return { parts };
}

/** All files of a drop, those of dropped folders included. */
export async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  const files = [];
  for (const entry of entries) {
    if (entry.isFile) files.push(await new Promise((done, failed) => entry.file(done, failed)));
    else files.push(...(await folderFiles(entry)));
  }
  return files;
}

async function folderFiles(folder) {
  const reader = folder.createReader();
  const children = await new Promise((done, failed) => reader.readEntries(done, failed));
  const files = children.filter((child) => child.isFile);
  return Promise.all(files.map((child) => new Promise((done, failed) => child.file(done, failed))));
}
