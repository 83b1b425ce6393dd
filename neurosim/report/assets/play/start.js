const given = JSON.parse(document.getElementById("given").textContent);
new (given.served?.distant ? Distant : App)(given);
