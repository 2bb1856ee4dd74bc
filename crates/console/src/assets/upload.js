// Uploads: a queue of files, large ones in parts by several connections, which go on after a broken one.

const PART = 16 * 1024 * 1024;
const MOST_PARTS = 9000;
const CONNECTIONS = 4;
const ATTEMPTS = 6;

const table = new Uint32Array(256).map((_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});

// CRC-32 (ISO 3309), as S3 writes it: four bytes, big-endian, in Base64.
function crc32(bytes) {
  let crc = 0xffffffff;
  for (let at = 0; at < bytes.length; at++) crc = table[(crc ^ bytes[at]) & 0xff] ^ (crc >>> 8);
  crc = (crc ^ 0xffffffff) >>> 0;
  return btoa(String.fromCharCode(crc >>> 24, (crc >>> 16) & 255, (crc >>> 8) & 255, crc & 255));
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class Refused extends Error {}

// One request; `progress` hears of the bytes that left. Only XMLHttpRequest tells that.
function send(method, address, words, body, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, address);
    request.setRequestHeader("x-csrf-token", words.csrf);
    request.responseType = "json";
    if (progress) request.upload.onprogress = (event) => progress(event.loaded);
    request.onload = () => {
      const good = request.status >= 200 && request.status < 300;
      if (good && request.response) resolve(request.response);
      // A page, such as the one to sign in, is no answer.
      else if (good) reject(new Refused(words.lost));
      else if (request.status >= 500 || request.status === 429) reject(new Error(request.response?.message || request.statusText));
      else reject(new Refused([request.response?.code, request.response?.message].filter(Boolean).join(": ") || request.statusText));
    };
    request.onerror = () => reject(new Error("connection"));
    request.send(body);
  });
}

// As `send`, again after a broken connection: later and later, and at once when the network is back.
async function patient(...request) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await send(...request);
    } catch (error) {
      if (error instanceof Refused || attempt === ATTEMPTS) throw error;
      const online = new Promise((resolve) => addEventListener("online", resolve, { once: true }));
      await Promise.race([pause(500 * 2 ** attempt), online]);
    }
  }
}

class Upload {
  constructor(place, file) {
    this.file = file;
    this.words = place.dataset;
    this.key = place.dataset.folder + (file.webkitRelativePath || file.name);
    this.item = document.createElement("li");
    this.label = Object.assign(document.createElement("span"), { className: "name", textContent: this.key });
    this.bar = Object.assign(document.createElement("progress"), { max: Math.max(file.size, 1), value: 0 });
    this.bar.setAttribute("aria-label", this.key);
    this.state = Object.assign(document.createElement("span"), { className: "state", textContent: this.words.waiting });
    this.item.append(this.label, this.bar, this.state);
    place.querySelector(".queue").append(this.item);
    this.sent = new Map();
  }

  address(step, parameters = {}) {
    const query = new URLSearchParams({ key: this.key, ...parameters });
    return `${this.words.address}${step ? "/" + step : ""}?${query}`;
  }

  progress(part, bytes) {
    this.sent.set(part, bytes);
    let total = 0;
    for (const count of this.sent.values()) total += count;
    this.bar.value = total;
    this.state.textContent = `${this.words.sending} ${Math.min(99, Math.floor((100 * total) / Math.max(this.file.size, 1)))} %`;
  }

  async run() {
    this.item.className = "";
    this.state.textContent = this.words.sending;
    try {
      await (this.file.size <= PART ? this.whole() : this.parts());
      this.bar.value = this.bar.max;
      this.item.className = "good";
      this.state.textContent = this.words.done;
      return true;
    } catch (error) {
      this.item.className = "bad";
      this.state.textContent = `${this.words.failed}: ${error.message}`;
      const again = Object.assign(document.createElement("button"), { type: "button", textContent: this.words.again });
      again.addEventListener("click", () => { again.remove(); this.run(); });
      this.item.append(again);
      return false;
    }
  }

  async whole() {
    const bytes = new Uint8Array(await this.file.arrayBuffer());
    const address = this.address("whole", { type: this.file.type, crc32: crc32(bytes) });
    await patient("PUT", address, this.words, bytes, (count) => this.progress(0, count));
  }

  async parts() {
    const size = Math.max(PART, Math.ceil(this.file.size / MOST_PARTS / 1048576) * 1048576);
    const count = Math.ceil(this.file.size / size);
    this.state.textContent = this.words.checking;
    const read = async (number) => new Uint8Array(await this.file.slice((number - 1) * size, number * size).arrayBuffer());
    let { upload, parts } = await patient("GET", this.address(""), this.words, null);
    if (!upload || !(await this.knows(parts, size, read))) {
      upload = (await patient("POST", this.address("begin", { type: this.file.type }), this.words, null)).upload;
      parts = [];
    }
    const arrived = new Map(parts.map((part) => [part.number, part]));
    const checksums = new Array(count);
    const numbers = Array.from({ length: count }, (_, at) => at + 1);
    const work = async () => {
      for (let number = numbers.shift(); number; number = numbers.shift()) {
        const bytes = await read(number);
        const checksum = checksums[number - 1] = crc32(bytes);
        const known = arrived.get(number);
        // What arrived before is known by its checksum.
        if (!(known && known.size === bytes.length && known.crc32 === checksum)) {
          const address = this.address("part", { upload, part: number, crc32: checksum });
          await patient("PUT", address, this.words, bytes, (sent) => this.progress(number, sent));
        }
        this.progress(number, bytes.length);
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, work));
    await patient("POST", this.address("finish", { upload }), this.words, JSON.stringify(checksums));
  }

  // Whether an upload is of this file: parts of its sizes and no further ones, the first with its bytes.
  async knows(parts, size, read) {
    const length = (number) => Math.min(size, this.file.size - (number - 1) * size);
    if (!parts.length || parts.some((part) => part.size !== length(part.number))) return false;
    return crc32(await read(parts[0].number)) === parts[0].crc32;
  }
}

const place = document.querySelector("#upload");
if (place) {
  const form = place.querySelector("form");
  const input = form.querySelector("input[type=file]");
  const drop = place.querySelector(".drop");
  const waiting = [];
  let running = false;
  input.multiple = true;

  const start = async (files) => {
    waiting.push(...[...files].map((file) => new Upload(place, file)));
    if (running) return;
    running = true;
    let any = false;
    while (waiting.length) any = (await waiting.shift().run()) || any;
    running = false;
    if (any && !place.querySelector(".reload")) {
      const link = Object.assign(document.createElement("a"), { className: "button reload", textContent: place.dataset.reload });
      link.href = location.pathname + location.search;
      place.querySelector(".queue").after(link);
    }
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    start(input.files);
    form.reset();
  });
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.remove("over"); });
  drop.addEventListener("drop", (event) => start(event.dataTransfer.files));
  addEventListener("beforeunload", (event) => { if (running) event.preventDefault(); });
}
