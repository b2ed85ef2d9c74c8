// Reads the stamp of agent/src/ucam_agent/stamp.py from a video's pixels, frame by frame. Injected into every page.
window.bench = {
  /** @param {HTMLVideoElement} video at 1280 x 720: blocks of 16 pixels */
  read(video, canvas) {
    const context = canvas.getContext('2d', { willReadFrequently: true });
    context.drawImage(video, 0, 0, 768, 32, 0, 0, 768, 32);
    const number = (row, count) => {
      const pixels = context.getImageData(0, row, count * 16, 1).data;
      let value = 0;
      for (let bit = 0; bit < count; bit++) value = value * 2 + (pixels[(bit * 16 + 8) * 4 + 1] > 128 ? 1 : 0);
      return value;
    };
    return { at: number(8, 48), number: number(24, 24) };
  },

  /** Presses, and answers how long it took until the first frame taken after the press was there. */
  first(selector, press, limit) {
    return new Promise((resolve, reject) => {
      const video = document.querySelector(selector);
      const canvas = new OffscreenCanvas(768, 32);
      const pressed = Date.now();
      const started = performance.now();
      const over = setTimeout(() => reject(new Error(`no frame within ${limit} ms`)), limit);
      const look = () => {
        const ms = performance.now() - started;
        if (this.read(video, canvas).at < pressed) return video.requestVideoFrameCallback(look);
        clearTimeout(over);
        resolve(ms);
      };
      video.requestVideoFrameCallback(look);
      press();
    });
  },

  /** Waits for a press on the timeline, then for the first recorded picture that belongs there; ms between the two. */
  played(jid, selector, limit) {
    return new Promise((resolve, reject) => {
      const video = document.querySelector(selector);
      const over = setTimeout(() => reject(new Error(`no picture within ${limit} ms`)), limit);
      const strip = document.querySelector('#tl-strip').getBoundingClientRect();
      const { min, max } = document.querySelector('#tl-playhead');
      document.addEventListener('pointerdown', (event) => {
        const target = 1000 * (Number(min) + ((event.clientX - strip.left) / strip.width) * (max - min));
        const pixel = (1000 * (max - min)) / strip.width; // what a press cannot tell apart
        const look = () => {
          const ms = performance.now() - event.timeStamp;
          const late = window.ucam.clocks.get(jid)?.precise - target;
          if (!(late > -Math.max(500, pixel) && late < 2500)) return video.requestVideoFrameCallback(look); // NaN: not there yet
          clearTimeout(over);
          resolve(ms);
        };
        video.requestVideoFrameCallback(look);
      }, { capture: true, once: true });
    });
  },

  /** Lateness in ms of every frame shown within `ms`, and how many were not shown. */
  lateness(selector, ms) {
    return new Promise((resolve) => {
      const video = document.querySelector(selector);
      const canvas = new OffscreenCanvas(768, 32);
      const late = [];
      const numbers = [];
      let over = false;
      const look = () => {
        const stamp = this.read(video, canvas);
        late.push(Date.now() - stamp.at);
        numbers.push(stamp.number);
        if (!over) video.requestVideoFrameCallback(look);
      };
      video.requestVideoFrameCallback(look);
      setTimeout(() => {
        over = true;
        resolve({ late, shown: numbers.length, span: numbers.length ? numbers.at(-1) - numbers[0] + 1 : 0 });
      }, ms);
    });
  },
};
