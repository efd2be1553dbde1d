export TENCENTCLOUD_SECRET_ID=AKIDexample
export TENCENTCLOUD_SECRET_KEY=the-key-that-belongs-to-it
