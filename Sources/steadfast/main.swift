print("steadfast")
