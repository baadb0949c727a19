const [, numbers] = require('fs').readFileSync(0, 'utf8').split('\n');
let sum = 0;
for (const number of numbers.trim().split(/\s+/)) sum += Number(number);
console.log(String(sum));
