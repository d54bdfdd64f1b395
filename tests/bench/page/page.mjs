// Between the bench and its contenders: each contender is a worker of its own, called by name.

const contenders = new Map();
let lastCall = 0;

window.lab = {
  isolated: crossOriginIsolated,

  start(name, script) {
    const worker = new Worker(script, { type: "module", name });
    const waiting = new Map();
    const fail = (message) => {
      for (const { reject } of waiting.values()) reject(new Error(message));
      waiting.clear();
    };
    worker.onmessage = ({ data: { id, value, error } }) => {
      const call = waiting.get(id);
      waiting.delete(id);
      if (error !== undefined) call?.reject(new Error(error));
      else call?.resolve(value);
    };
    worker.onerror = (event) => fail(event.message || `${script} did not start`);
    contenders.set(name, { worker, waiting, fail });
  },

  call(name, method, args) {
    const { worker, waiting } = contenders.get(name);
    return new Promise((resolve, reject) => {
      const id = ++lastCall;
      waiting.set(id, { resolve, reject });
      worker.postMessage({ id, method, args });
    });
  },

  stop(name) {
    const contender = contenders.get(name);
    contenders.delete(name);
    contender?.worker.terminate();
    contender?.fail("it was stopped");
  },
};
