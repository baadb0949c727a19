const line = require('fs').readFileSync(0, 'utf8').split('\n')[0];
const open = [];
let balanced = true;
for (const c of line) {
  const kind = '([{)]}'.indexOf(c);
  if (kind < 3) open.push(c);
  else if (open.pop() !== '([{'[kind - 3]) balanced = false;
}
console.log(balanced && open.length === 0 ? 'yes' : 'no');
