/** Every fault of the settings at once; the message is made to be printed as it is. */
export class ConfigError extends Error {
  faults;
  constructor(faults) {
    const lines = faults.map(({ name, message }) => `  ${name}: ${message}`);
    super(`The settings cannot be used:\n${lines.join('\n')}\nAll settings are explained in .env.example.`);
    this.name = 'ConfigError';
    this.faults = faults;
  }
}
//# sourceMappingURL=config-error.js.map
