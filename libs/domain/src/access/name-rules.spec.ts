import { describe, expect, it } from '@jest/globals';
import { compileNameRules, foldName } from './name-rules.js';

const refuses = (rules: Parameters<typeof compileNameRules>[0], name: string, kind: 'file' | 'directory' = 'file') =>
  compileNameRules(rules).refusal(foldName(name), kind);

describe('name rules', () => {
  it.each(['shell.php', 'SHELL.PHP', 'Shell.Php', '.php', 'a.b.php'])('deny *.php refuses %s', (name) => {
    expect(refuses({ deny: ['*.php'] }, name)).toBe('deny name *.php');
    expect(refuses({ deny: ['*.PHP'] }, name)).not.toBeNull();
  });

  it('compare composed and decomposed spellings alike', () => {
    expect(refuses({ deny: ['caf\u00e9*'] }, 'CAFE\u0301.txt')).not.toBeNull();
    expect(refuses({ deny: ['cafe\u0301*'] }, 'Caf\u00c9.txt')).not.toBeNull();
    expect(refuses({ deny: ['*.\u212a'] }, 'x.k')).not.toBeNull();
  });

  it('with allow, take only listed file names, and any folder name', () => {
    expect(refuses({ allow: ['*.csv'] }, 'a.csv')).toBeNull();
    expect(refuses({ allow: ['*.csv'] }, 'a.txt')).toBe('allow only names *.csv');
    expect(refuses({ allow: ['*.csv'] }, 'folder', 'directory')).toBeNull();
    expect(refuses({ deny: ['tmp*'] }, 'tmp1', 'directory')).toBe('deny name tmp*');
  });

  it('let deny win over allow, and an empty list say nothing', () => {
    expect(refuses({ allow: ['*.csv'], deny: ['secret*'] }, 'secret.csv')).not.toBeNull();
    expect(refuses({ allow: [] }, 'a.txt')).toBeNull();
  });

  it('hide names whatever their case', () => {
    expect(compileNameRules({ hide: ['.ht*'] }).hiding(foldName('.HTACCESS'))).toBe('hide name .ht*');
    expect(compileNameRules({ hide: ['.ht*'] }).hiding(foldName('index.html'))).toBeNull();
  });
});
