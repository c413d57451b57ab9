// Refuses a Node that the dependencies do not run on, in words that any Node can still parse and print.
const [major, minor] = process.versions.node.split('.').map(Number);
const supported = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;
if (!supported) {
  console.error(
    `Quayside needs Node 20.19 or newer (20.x), or 22.12 or newer; this is ${process.versions.node}.\n` +
      'Install a current Node LTS (https://nodejs.org/) and start again.',
  );
  process.exit(1);
}
