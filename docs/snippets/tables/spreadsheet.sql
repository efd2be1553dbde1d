SELECT
    if(left(Key, 1) IN ('=', '+', '-', '@', chr(9), chr(13)), '''' || Key, Key) AS Key,
    Size
FROM inventory
