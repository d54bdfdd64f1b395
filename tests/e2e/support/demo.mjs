// What the tests of the demo share.

/**
 * Runs `start`, which makes the demo add documents, and waits until it has finished. The progress of a small file is
 * shown for too short a time to be polled for, so the page itself watches.
 */
export async function adding(page, start) {
  await page.evaluate(() => {
    const job = document.getElementById("job");
    window.added = new Promise((done) => {
      let shown = false;
      new MutationObserver((_, observer) => {
        if (!job.hidden) shown = true;
        if (!shown || !job.hidden) return;
        observer.disconnect();
        done();
      }).observe(job, { attributes: true, attributeFilter: ["hidden"] });
    });
  });
  await start();
  await page.evaluate(() => window.added);
}
