const given = JSON.parse(document.getElementById("given").textContent);
if (given.served?.live) document.body.classList.add("live");
new (given.served?.distant ? Distant : App)(given);
